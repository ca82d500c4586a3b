from __future__ import annotations

from pipeline import Dependency, Meter
from pipeline.instrument.charged_once import ChargedJobs, charged_jobs


def test_all_clients_of_a_dependency_charge_a_job_once() -> None:
    one, another = (Dependency("firecrawl", meter=Meter()) for _ in range(2))
    assert charged_jobs(one).add("j1")
    assert not charged_jobs(one).add("j1")
    assert charged_jobs(another).add("j1")


def test_the_jobs_that_ended_long_ago_are_forgotten() -> None:
    charged = ChargedJobs()
    assert all(charged.add(f"j{number}") for number in range(4097))
    assert not charged.add("j1")
    assert charged.add("j0")
