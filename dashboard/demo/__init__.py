"""The demo: real texts, rules, people and segments to look at, and a short story that plays once."""
