"""Why a picture cannot be used."""


class PictureError(ValueError):
    """A picture that cannot be used; the message is one sentence for the user."""
