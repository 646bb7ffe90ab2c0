"""Turn parsed templates into Python functions that print the same, only sooner.

What the compiler does not know it refuses, and the interpreter renders the
template. What fails while a compiled template runs is rendered again by the
interpreter, so every fault comes from one place.
"""

from engine.liquid.compiler.program import Program, compile_program, program_of, run
from engine.liquid.compiler.source import Unsupported

__all__ = ["Program", "Unsupported", "compile_program", "program_of", "run"]
