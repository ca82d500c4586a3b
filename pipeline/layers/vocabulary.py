"""Words with which the check of what a model writes knows a number, a degree, and what is no name."""

from __future__ import annotations

from typing import Final

# fmt: off
NUMBER_WORDS: Final = {
    "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "ten": "10", "eleven": "11",
    "twelve": "12", "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16",
    "seventeen": "17", "eighteen": "18", "nineteen": "19", "twenty": "20", "thirty": "30",
    "forty": "40", "fifty": "50", "sixty": "60", "seventy": "70", "eighty": "80",
    "ninety": "90", "hundred": "100", "thousand": "1000", "million": "1000000", "billion": "1000000000",
    "dozen": "12",
}
"""`one` is not among them: it is rarely a number."""

DEGREES: Final = frozenset({
    "ba", "bachelor", "bachelor's", "bachelors", "beng", "bsc", "certificate", "certification",
    "certified", "degree", "diploma", "doctor", "doctorate", "dphil", "graduate", "graduated",
    "licence", "license", "ma", "master", "master's", "masters", "mba", "meng",
    "msc", "phd", "professor",
})

LESSER_BEFORE: Final = frozenset({
    "acting", "apprentice", "assistant", "associate", "asst", "co", "deputy", "interim", "intern", "jr",
    "junior", "student", "sub", "trainee", "vice",
})
LESSER_AFTER: Final = frozenset({"apprentice", "assistant", "intern", "trainee"})
"""What makes less of a title, before it or after it."""

NO_NAMES: Final = frozenset({
    "cv", "ok", "pdf",
    "a", "about", "after", "against", "all", "also", "although", "among",
    "an", "and", "as", "at", "because", "before", "behind", "below",
    "between", "beyond", "both", "but", "by", "dear", "dr", "during",
    "each", "english", "even", "every", "for", "friday", "from", "he",
    "hello", "her", "here", "his", "how", "i", "i'd", "i'll",
    "i'm", "i've", "if", "in", "into", "it", "its", "just",
    "many", "monday", "more", "most", "mr", "mrs", "ms", "my",
    "near", "no", "not", "now", "of", "on", "once", "only",
    "or", "our", "over", "saturday", "she", "since", "so", "some",
    "still", "sunday", "than", "that", "the", "their", "then", "there",
    "these", "they", "this", "those", "though", "through", "thursday", "to",
    "today", "tuesday", "under", "until", "up", "we", "wednesday", "what",
    "when", "where", "which", "while", "who", "why", "with", "within",
    "without", "yet", "you", "your",
})
"""They stand anywhere with a capital letter, and before a name."""
# fmt: on
