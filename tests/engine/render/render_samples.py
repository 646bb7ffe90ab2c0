"""Templates and scopes that several tests of rendering share."""

EMAIL = {
    "subject": "Order {{ order }} for {{ recipient.name }}",
    "settings": {"layout_key": None},
    "visual_blocks": [
        {
            "type": "markdown",
            "content": "# Hi {{ recipient.name }}\n\n{% if note %}\n  > {{ note }}\n{% endif %}\n"
            "- [Open]({{ link }})",
        },
        {"type": "divider"},
        {
            "type": "button_set",
            "layout_attrs": {"column_gap": 12, "horizontal_align": "center"},
            "buttons": [
                {"label": "Open {{ order }}", "action": "{{ link }}", "variant": "solid"},
                {"label": "Later", "action": "myapp://later", "variant": "outline"},
            ],
        },
    ],
}
FEED = {
    "markdown_body": "**{{ recipient.name }}**: {{ note }}",
    "action_url": "{{ link }}",
    "action_buttons": [],
}


def scope(name="Ann", **more):
    """Return a small scope for a recipient."""
    values = {"order": 7, "note": "see *this*", "link": "https://shop.io/?a=1&b=2", **more}
    return {"recipient": {"id": name.lower(), "name": name}, "data": dict(values), **values}
