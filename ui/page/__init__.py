"""The page: Gradio components and the events that wire them."""
