"""Colours, type and spacing of the page: calm surfaces, one accent, the visitor's own fonts."""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils.colors import Color

SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans")
MONO = ("ui-monospace", "SF Mono", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace")

TEAL = Color(
    c50="#effaf9",
    c100="#d4f1ee",
    c200="#a9e2dd",
    c300="#74ccc6",
    c400="#45b0aa",
    c500="#1f918c",
    c600="#0f7470",
    c700="#0e5d5a",
    c800="#104a48",
    c900="#113e3d",
    c950="#042524",
    name="teal",
)
STONE = Color(
    c50="#f7f7f4",
    c100="#efefeb",
    c200="#e2e2dc",
    c300="#c9c9c1",
    c400="#9b9c93",
    c500="#6d6f67",
    c600="#53554e",
    c700="#3a3c37",
    c800="#272926",
    c900="#1b1d1b",
    c950="#121412",
    name="stone",
)


def theme() -> gr.themes.Base:
    """Return the theme for ``launch``; ``assets/style.css`` uses its variables."""
    return gr.themes.Base(
        primary_hue=TEAL,
        secondary_hue=TEAL,
        neutral_hue=STONE,
        radius_size=gr.themes.sizes.radius_md,
        font=(*SANS, "sans-serif"),
        font_mono=MONO,
    ).set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        body_text_color="*neutral_900",
        body_text_color_dark="#ecede8",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="#a9aba2",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_radius="*radius_lg",
        block_border_width="1px",
        block_border_color="*neutral_200",
        block_border_color_dark="*neutral_700",
        block_shadow="none",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="#a9aba2",
        block_title_text_color="*neutral_900",
        block_title_text_color_dark="#ecede8",
        block_title_text_weight="600",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="#a9aba2",
        input_background_fill="white",
        input_background_fill_dark="*neutral_950",
        input_border_width="1px",
        input_border_color="*neutral_300",
        input_border_color_dark="*neutral_700",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_700",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_100",
        background_fill_secondary_dark="*neutral_800",
        error_background_fill="#fdf1ef",
        error_background_fill_dark="#33201d",
        error_border_color="#c2402f",
        error_border_color_dark="#e0705f",
        error_text_color="#8c2417",
        error_text_color_dark="#f6c9c1",
        color_accent="*primary_600",
        slider_color="*primary_600",
        slider_color_dark="*primary_400",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
    )
