"""The sidecar's side of the spool: read what the workers wrote, and keep it small and well.

What lies where is in `layout`. Who comes from outside enters by one of three doors:

- a scrape by `reader.SpoolReader`,
- the sidecar's own round by `keeping.keep_spool`,
- `sidecar spool` by `survey.survey`.

Reading, from the directory to the families:
    `sources` says what counts, by `listing` (what is there), `leases` (who lives) and `manifest` (what is
    merged already);
    `followed` reads one file again and again: `content` its bytes, `columns` and `keys` what they say;
    `merge` brings many files together: `placing` by series, `gathering` by item, `rules` by gauge mode.

Upkeep, in the order of a run:
    `keeping` starts one every few seconds, and `upkeep` does it;
    `quarantine` sets damaged files aside;
    `liveness` moves the dead's files aside: `leases` know ours, `foreign` and `holders` the others';
    `compaction` publishes the merged ones, and `absorption` merges them;
    `room` frees some where the disk is too full for that.

Both: `files` is one whole file at one time, `metric_bytes` writes one, `disk` makes changes that last,
`descriptors` says how many files may stay open, `file_times` what a time of change is worth.
"""
