"""Every sentence of the tab on attribution."""

from __future__ import annotations

TAB = "Why"
TITLE = "Why this class?"
INTRO = (
    "Where in the picture, or in a stage, the evidence for a class is, by the method you choose. "
    "No map shows what the network thinks: each answers its own question, and the ones below can "
    "be checked by intervention."
)
INTRO_GRADE = "the grade is each method's own"
COST = "It takes {cost}."

REGION = "Region"
REGION_INFO = "What the class is asked about."
REGIONS = {
    "pixel": "The pixel",
    "segment": "Its segment",
    "class": "All of its class",
    "mask": "Painted",
}
EDITOR = "Paint the region"
LABEL = "Why this class"
LABEL_INFO = "Also one that was not predicted."
LABEL_DEFAULT = "the predicted one"
AGAINST = "Rather than"
AGAINST_INFO = "What tells the two apart."
AGAINST_DEFAULT = "all others"
METHOD = "Method"
STAGE = "Stage looked at"
STAGE_INFO = "For methods that look at the map of one stage."

SEVERAL = "Several methods side by side"
SEVERAL_SAYS = (
    "The same question put to each. Where maps differ, at least one of them is about something "
    "else."
)
METHODS = "Methods"
SHOW = "Check"
SHOWS = {
    "curves": "Take away what they mark",
    "areas": "Rank them",
    "weights": "Scramble the weights",
}
TRUST_ASK = "Check the methods"
TRUST_SAYS = (
    "Pixels are taken away in the order each map gives them: a faithful map makes the class go "
    "sooner than a random order, and than one that only knows where the region is. Then the "
    "weights are scrambled: a map that stays as it was does not show what the model learned. The "
    "methods are those ticked above."
)
