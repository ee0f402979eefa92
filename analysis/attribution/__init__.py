"""Why this class: attributions of a frozen region's score, by grad-cam and captum."""
