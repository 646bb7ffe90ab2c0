"""Make random templates and scopes from a seed, valid ones mostly, odd ones often."""

import random

NAMES = ("a", "b", "d", "l", "n", "s", "zz", "forloop", "i", "now")
MEMBERS = ("k", "size", "first", "last", "index", "parentloop", "0", "x y", "__class__")
FILTERS = (
    *("upcase", "downcase", "capitalize", "escape", "strip", "size", "first", "last", "json"),
    *("reverse", "sort", "uniq", "compact", "abs", "floor", "ceil", "safe", "strip_html", "squish"),
    *("titlecase", "md5", "from_markdown", "newline_to_br", "url_encode", "sum", "unknown_one"),
)
FILTERS_WITH = (
    *("append: {}", "prepend: {}", "plus: {}", "times: {}", "minus: {}", "divided_by: {}"),
    *("modulo: {}", "round: {}", "truncate: {}", "truncatewords: {}", "slice: {}, {}", "split: {}"),
    *("join: {}", "map: {}", "where: {}, {}", "default: {}", "default: {}, allow_false: {}"),
    *("replace: {}, {}", "remove: {}", "pluralize: {}, {}", "date: {}", "concat: {}"),
    *("at_most: {}", "sort: {}", "currency: {}", "timezone: {}", "intersect: {}"),
    "format_number: {}",
)  # fmt: skip
TEXTS = ("", " ", "q", "<b>", "a,b", "%Y", "continue", "{", "\\n", "**x**", "Europe/Paris", "é")
LOOP_MEMBERS = (
    *("index", "index0", "rindex", "rindex0", "first", "last", "length", "name"),
    *("parentloop.index", "parentloop.length"),
)
OPERATORS = ("==", "!=", "<>", "<", ">", "<=", ">=", "contains")


class Templates:
    """Write templates by chance."""

    def __init__(self, seed):
        """Start from a seed; the same seed writes the same templates."""
        self.random = random.Random(seed)
        self.loops = 0

    def one_of(self, *choices):
        return self.random.choice(choices)

    def chance(self, share):
        return self.random.random() < share

    def template(self):
        """Return a template."""
        self.loops = 0
        return self.nodes(self.random.randint(1, 6), 3)

    def nodes(self, count, depth):
        return "".join(self.node(depth) for _ in range(count))

    def node(self, depth):
        leaf = (self.content, self.content, self.output, self.output, self.output, self.assign,
                self.cycle, self.counter, self.leave, self.echo)  # fmt: skip
        block = (self.if_, self.unless, self.case, self.for_, self.for_, self.capture, self.changed,
                 self.liquid, self.other)  # fmt: skip
        return self.one_of(*(leaf + block if depth else leaf))(depth)

    def content(self, depth):
        return self.one_of(" ", "\n", "text", "<p>*b*</p>", "é", " {- ", "'\"", "\\", "{ }", "")

    def dashed(self, inside, left="{%", right="%}"):
        return (
            f"{left}{'-' * self.chance(0.1)} {inside} {'-' * self.chance(0.1)}{right}"
            if inside
            else ""
        )

    def output(self, depth):
        return self.dashed(self.filtered(), "{{", "}}")

    def echo(self, depth):
        return self.dashed(f"echo {self.filtered()}")

    def primitive(self, *, ranges=True):
        kind = self.random.random()
        if kind < 0.5:
            return self.path()
        if kind < 0.7:
            return f"'{self.one_of(*TEXTS)}'"
        if kind < 0.9 or not ranges:
            return self.one_of("0", "1", "2", "-1", "1.5", "-0.0", "3", "12345678901234567890")
        if kind < 0.95:
            return f"({self.primitive(ranges=False)}..{self.primitive(ranges=False)})"
        return self.one_of("nil", "true", "false", "blank", "empty")

    def path(self):
        text = self.one_of(*NAMES)
        if text == "forloop":
            return f"forloop.{self.one_of(*LOOP_MEMBERS)}"
        while self.chance(0.35):
            member = self.one_of(*MEMBERS)
            if not member.isidentifier():
                text += self.one_of(f"['{member}']", "[0]", "[-1]", "[9]")
            else:
                text += f".{member}" if self.chance(0.8) else f"[{self.one_of(*NAMES)}]"
        return text

    def filtered(self):
        text = self.primitive()
        while self.chance(0.4):
            if self.chance(0.5):
                text += f" | {self.random.choices(FILTERS, [20] * (len(FILTERS) - 1) + [1])[0]}"
            else:
                one = self.one_of(*FILTERS_WITH)
                text += " | " + one.format(*(self.primitive() for _ in range(one.count("{}"))))
        return text

    def condition(self):
        text = self.primitive()
        if self.chance(0.6):
            text += f" {self.one_of(*OPERATORS)} {self.primitive()}"
        while self.chance(0.2):
            text += f" {self.one_of('and', 'or')} {self.primitive()}"
        return text

    def assign(self, depth):
        return self.dashed(f"assign {self.one_of('a', 'b', 'c', 'i', 'n')} = {self.filtered()}")

    def cycle(self, depth):
        group = self.one_of("", "'g': ", "a: ", "zz: ")
        values = ", ".join(self.primitive() for _ in range(self.random.randint(1, 3)))
        return self.dashed(f"cycle {group}{values}")

    def counter(self, depth):
        return self.dashed(f"{self.one_of('increment', 'decrement')} {self.one_of('a', 'c')}")

    def leave(self, depth):
        if not self.loops and self.chance(0.95):
            return self.output(depth)
        return self.dashed(self.one_of("break", "continue"))

    def if_(self, depth):
        return self.conditional("if", depth)

    def unless(self, depth):
        return self.conditional("unless", depth)

    def conditional(self, name, depth):
        text = self.dashed(f"{name} {self.condition()}") + self.nodes(2, depth - 1)
        while self.chance(0.3):
            text += self.dashed(f"elsif {self.condition()}") + self.nodes(1, depth - 1)
        if self.chance(0.5):
            text += self.dashed("else") + self.nodes(1, depth - 1)
        return text + self.dashed(f"end{name}")

    def case(self, depth):
        text = self.dashed(f"case {self.primitive()}")
        for _ in range(self.random.randint(0, 3)):
            values = self.one_of(", ", " or ").join(
                self.primitive() for _ in range(self.random.randint(1, 3))
            )
            head = self.dashed("else" if self.chance(0.3) else f"when {values}")
            text += head + self.nodes(1, depth - 1)
        return text + self.dashed("endcase")

    def for_(self, depth):
        head = f"for {self.one_of('i', 'j', 'a')} in {self.primitive()}"
        head += self.one_of("", "", "", " reversed")
        head += self.one_of("", "", "", " limit: 2", f" limit: {self.primitive()}")
        head += self.one_of("", "", "", " offset: 1", " offset: continue", " offset: a")
        self.loops += 1
        text = self.dashed(head) + self.nodes(self.random.randint(1, 3), depth - 1)
        self.loops -= 1
        if self.chance(0.3):
            text += self.dashed("else") + self.nodes(1, depth - 1)
        return text + self.dashed("endfor")

    def capture(self, depth):
        name = self.one_of("a", "b", "c")
        return f"{{% capture {name} %}}{self.nodes(2, depth - 1)}{self.dashed('endcapture')}"

    def changed(self, depth):
        return f"{{% ifchanged %}}{self.nodes(1, depth - 1)}{{% endifchanged %}}"

    def liquid(self, depth):
        return f"{{% liquid\n assign b = {self.filtered()}\n echo {self.filtered()}\n%}}"

    def other(self, depth):
        return self.one_of(
            *("{% raw %}{{ a }}{% endraw %}", "{% comment %}{{ a{% endcomment %}", "{% # note %}"),
            *("{% tablerow i in l %}{{ i }}{% endtablerow %}", "{% doc %}x{% enddoc %}"),
        )

    def scope(self):
        """Return a scope; some of the names are missing."""
        names = ("a", "b", "d", "l", "n", "s", "i")
        found = {name: self.value(2) for name in names if self.chance(0.8)}
        if self.chance(0.5):
            found |= {"l": [self.value(1) for _ in range(3)], "d": {"k": self.value(1)}}
        return found

    def value(self, depth):
        """Return plain data."""
        if depth and self.chance(0.4):
            if self.chance(0.5):
                return [self.value(depth - 1) for _ in range(self.random.randint(0, 4))]
            keys = ("k", "size", "first", "x y", "0", "a")
            return {key: self.value(depth - 1) for key in keys if self.chance(0.4)}
        return self.one_of(
            *(None, True, False, 0, 1, 2, -3, 1.5, 2.0, "", " ", "q", "a b", "<i>&", "2"),
            *("2024-02-29T10:00:00Z", "**x**", "javascript:x", "é\ud800", 10**20, "1,2,3", []),
        )
