"""Words with which the check of what a model writes knows a number, a degree, and what is no name."""

from __future__ import annotations

from typing import Final

# fmt: off
NUMBER_WORDS: Final = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14,
    "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19, "twenty": 20,
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}
SCALES: Final = {
    "dozen": 12, "hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000,
}
"""They make more of the number before them."""

ABBREVIATED_SCALES: Final = {
    "k": 1_000, "m": 1_000_000, "mn": 1_000_000, "mio": 1_000_000, "mln": 1_000_000,
    "b": 1_000_000_000, "bn": 1_000_000_000, "mrd": 1_000_000_000,
}
"""Scales behind digits."""

DEGREES: Final = frozenset({
    "ba", "bachelor", "bachelor's", "bachelors", "beng", "bsc", "certificate", "certification",
    "certified", "degree", "diploma", "doctor", "doctorate", "dphil", "graduate", "graduated",
    "licence", "license", "ma", "master", "master's", "masters", "mba", "meng",
    "msc", "phd", "professor",
})

RANKS: Final = frozenset({
    "ceo", "cfo", "chair", "chairman", "chairwoman", "chief", "cio", "cofounder", "co-founder", "coo",
    "cto", "director", "executive", "founder", "head", "manager", "officer", "owner", "partner",
    "president", "principal", "supervisor", "vp",
})
RANK_MODIFIERS: Final = frozenset({
    "acting", "area", "assistant", "associate", "chief", "country", "data", "deputy", "division",
    "engineering", "executive", "finance", "financial", "first", "founding", "general", "global", "group",
    "human", "information", "interim", "managing", "marketing", "national", "operating", "operations",
    "principal", "product", "program", "programme", "project", "regional", "resources", "sales", "senior",
    "sole", "staff", "team", "technical", "technology", "vice",
})
"""What somebody may be called, and the words before it."""

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

OPENERS: Final = frozenset({
    "able", "across", "adept", "ahead", "along", "alongside", "always", "am", "another", "any", "anyone",
    "are", "around", "ask", "away", "back", "backend", "became", "began", "besides", "best", "better",
    "bought", "bring", "brings", "broke", "brought", "build", "builds", "built", "business", "call", "calm",
    "came", "can", "caught", "change", "chose", "clear", "close", "code", "colleague", "colleagues",
    "comfortable", "could", "curious", "customer", "customers", "cut", "data", "day", "days", "dealt", "deep",
    "deliver", "delivers", "design", "designs", "despite", "did", "do", "does", "down", "drew", "drive",
    "drives", "drove", "eager", "earlier", "early", "easy", "either", "else", "engineer", "engineers",
    "enough", "ever", "everyone", "everything", "except", "experience", "expert", "expertise", "familiar",
    "fell", "felt", "few", "find", "finds", "first", "fluent", "fought", "found", "freelance", "frontend",
    "full", "furthermore", "gave", "give", "gives", "glad", "good", "got", "great", "grew", "grow", "grows",
    "had", "half", "hands", "happy", "hard", "has", "have", "held", "help", "helps", "hence", "hi", "hit",
    "however", "idea", "improve", "improves", "indeed", "instead", "interest", "is", "job", "keen", "keep",
    "keeps", "kept", "knew", "know", "knowledge", "knows", "laid", "large", "last", "late", "later", "lead",
    "leader", "leads", "learnt", "led", "left", "lent", "less", "let", "letter", "letters", "likewise",
    "little", "long", "low", "made", "make", "makes", "manage", "manager", "manages", "may", "maybe", "me",
    "meant", "meanwhile", "met", "might", "moreover", "motivated", "much", "must", "native", "need", "needs",
    "neither", "never", "nevertheless", "new", "next", "nobody", "none", "nor", "note", "nothing", "nowadays",
    "off", "offer", "offers", "often", "old", "one", "other", "others", "out", "overall", "oversaw", "own",
    "owns", "paid", "part", "past", "patient", "people", "per", "perhaps", "please", "practical", "prior",
    "problem", "problems", "process", "processes", "project", "projects", "proven", "put", "question",
    "quick", "quiet", "quite", "ran", "rather", "read", "reads", "ready", "rebuilt", "reduce", "reduces",
    "reliable", "replace", "replaces", "reset", "responsibilities", "responsible", "result", "results",
    "rewrote", "role", "roles", "rose", "run", "runs", "same", "sat", "saw", "second", "see", "sees",
    "senior", "sent", "service", "services", "set", "several", "shall", "should", "skills", "small",
    "software", "sold", "solid", "solve", "solves", "someone", "something", "soon", "sought", "speak",
    "speaks", "specialist", "spent", "split", "spoke", "start", "step", "stood", "strong", "strove", "such",
    "sunk", "support", "supports", "sure", "swapped", "system", "systems", "take", "takes", "task", "tasks",
    "taught", "teach", "teaches", "team", "teams", "tell", "tells", "thank", "thanks", "then", "third",
    "thought", "threw", "thus", "time", "together", "told", "tomorrow", "too", "took", "tool", "tools",
    "toward", "towards", "turn", "turns", "twice", "undertook", "unless", "unlike", "upon", "use", "users",
    "uses", "value", "very", "via", "want", "was", "week", "weeks", "well", "went", "were", "whatever",
    "whenever", "wherever", "whether", "whoever", "whole", "whose", "will", "withstood", "won", "work",
    "works", "would", "write", "writes", "wrote", "year", "years", "yes", "yesterday", "zero",
})
"""What sentences begin with, and no name."""
# fmt: on
