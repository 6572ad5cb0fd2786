"""How results look: `human` for people, `json` for programs. A view never decides."""
