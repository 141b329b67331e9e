"""How fast tconv is on this machine, beside the frameworks: ``python -m benchmarks``.

Each engine runs in a process of its own, on the same cores and threads. The engines of a layer take turns,
round after round; a turn is the median of its calls after a warm-up; a ratio is the median of the rounds'
ratios, so that whatever slows the machine for a while slows both sides. Every result is compared with a
computation in double precision; the time of one beyond the proved bound of rounding does not count.

``tables`` lists the layers, ``engines`` who computes them, ``studies`` what is measured: ``rounds`` time after time,
``first_call``, ``startup``, ``memory``. ``results``, ``report`` and ``chart`` turn figures into a file, tables and a
picture.
"""
