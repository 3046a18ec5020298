"""From frames to charts and one offline page.

The numbers come from `nasbench.analysis`; nothing here computes one. Layout, one idea a module:
    data: everything that a report shows, collected once as frames.
    theme: a colour and a dash pattern for each strategy, and the look of every chart.
    axes: scales and ticks for regrets (logarithmic, or symmetric-logarithmic where some are 0).
    lines: anytime regret and runtime distributions.
    distributions: final regret by seed.
    intervals: speed-up over random search.
    pairwise: probability of improvement between all pairs.
    critical_difference: the critical-difference diagram.
    gallery: which charts a report has, each once interactive and once for paper.
    numbers: figures as text. cells, tables, details: frames as tables of text.
    context, glossary: what the page's template is given.
    embed: specs and scripts inside a page that loads nothing.
    site: writes the page, the charts and the data files.
    terminal: the same in a terminal.
"""
