from __future__ import annotations

from pipeline.layers.names import is_persons_name, may_be_company

NAMES = [
    *("Ada Byron", "ADA BYRON", "Dr. Ada M. Byron", "Mr. Weber", "Anna-Lena Öz", "Ada Byron, PhD"),
    # Initials
    *("A. Smith", "I. Newton", "Dr. A. Weber", "J. R. R. Tolkien", "Ben E. King", "J Smith"),
    # Particles, and the same as first names
    *("Ludwig van Beethoven", "Ludwig Van Beethoven", "Maria de la Cruz", "De La Cruz", "Al Gore"),
    *("Bashar al-Sharif", "Bin Weevil Jr", "Le Thi Hoa", "Van Morrison", "Gerard 't Hooft", "Do Kim"),
    # Words of English that are names elsewhere
    *("An Nguyen", "He Xiaopeng", "My Linh Tran", "To Lam", "So Young Kim", "So-Young Kim", "You Jia"),
    *("Or Levi", "Even Berg", "Sunday Okafor", "Ok Taec-yeon", "Than Shwe", "She Shiman", "An Do"),
    *("Noor On", "George Will", "Emre Can", "Jane English", "Clyfford Still", "Pao Her", "Mary Day"),
    # A small first letter, and scripts without capitals or with capitals that nobody uses
    *("Fitzwilliam d'Arcy", "Conan O’Brien", "王 小明", "أحمد علي", "გიორგი მაისურაძე", "דנה לוי"),
]


def test_two_words_with_capitals_are_a_persons_name() -> None:
    assert [name for name in NAMES if not is_persons_name(name)] == []


NO_NAMES = [
    *("Ada", "ada byron", "7 8", "van der", "hiring manager", "Dr.", "- -", "Write to", "A. van", ""),
    *("We have", "We Are", "Who We Are", "What You Bring", "This Is", "These People", "Why Us"),
    *("Your team", "Your Team", "Our Team", "Our People", "The Manager", "The Inn", "Their Chef"),
    *("You Are", "You Have", "He Is", "She Will", "I Am", "A Cook", "We’re Hiring"),
    *("Hiring Manager", "Human Resources", "Talent Acquisition", "My Team", "Contact Us", "Apply Now"),
    *("Dear Applicant", "About Us", "With Love", "IT Department", "Old Inn", "OLD INN"),
]


def test_other_words_are_nobodys_name() -> None:
    assert [name for name in NO_NAMES if is_persons_name(name, unlike=("Old Inn", "Cook"))] == []


COMPANIES = [
    *("Old Inn", "OLD INN", "Nordlink", "Bank of America", "Ben & Jerry's", "Q-Park", "Société générale"),
    *("The Old Inn", "The Bank of Hove", "Just Eat", "All Saints", "On Running", "My Protein"),
    *("Direct Line", "Home Depot", "Active Minds", "Immediate Media", "Scale Farm", "Long & Short"),
    *("eBay", "iRobot", "3M", "7 Gates", "1&1", "株式会社", "Élan", "«Inn»"),
]


def test_a_companys_name_begins_with_a_capital_or_a_digit() -> None:
    assert [name for name in COMPANIES if not may_be_company(name)] == []


NO_COMPANIES = [
    *(
        "We",
        "We are",
        "We Are",
        "We're",
        "We’re",
        "Who",
        "Who's",
        "Who is",
        "I'm",
        "They",
        "You",
        "Our Team",
    ),
    *(
        "Now",
        "NOW",
        "Still",
        "Urgently",
        "Currently",
        "Actively",
        "Immediately",
        "Urgent",
        "Mass",
        "Walk-in",
    ),
    *("Companies", "Top Companies", "Startups", "Restaurants", "Cook Jobs", "100 Companies", "Employers"),
    *("once", "once: Cook", "Once", "home", "home Cook", "Home", "night", "our jobs", "scale", "the inn"),
    *(
        "Our Team",
        "Walk-in",
        "Now Urgently",
        "Mass recruitment",
        "The best",
        "Apply now: Old Inn",
        "",
        "- ",
        "|",
    ),
]


def test_the_middle_of_a_sentence_is_no_companys_name() -> None:
    assert [words for words in NO_COMPANIES if may_be_company(words)] == []
