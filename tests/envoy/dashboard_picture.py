"""Draws docs/dashboard.png: what the dashboard's panels ask a real Prometheus, which watches a real Envoy under some load.

It is no picture of Grafana: the panels stand where the dashboard has them, with their titles, units and legends, and
matplotlib draws them. Needs `prometheus` and, in .venv, matplotlib 3.
"""

import sys
import tempfile
import time
from pathlib import Path

import client
import harness
import prometheus
import traffic
from samples import ROOT
from upstream import Upstream

SECONDS = 150
TICK = 0.1
PICTURE = ROOT / "docs" / "dashboard.png"
COLUMNS, ROW_INCHES, WIDTH_INCHES = 24, 0.32, 12.8
UNITS = {"reqps": "a second", "percentunit": "share", "µs": "µs"}

# From which second to which something goes wrong, and how often in a second it shows.
EPISODES = {
    "no_token": (0, 130, 2),
    "expired": (0, 130, 1),
    "invalid_signature": (50, 80, 6),
    "unknown_key": (95, 125, 4),
}
ISSUER_FAILS = (60, 90)
FLOOD = (130, 135)
FLOOD_REQUESTS = 400  # in a second, of which a worker logs a hundred


def main():
    try:
        import matplotlib
    except ImportError:
        return "matplotlib is not in .venv: .venv/bin/pip install matplotlib"
    if prometheus.SERVER is None:
        return "no prometheus; on Debian and Ubuntu: apt install prometheus"
    matplotlib.use("Agg")
    with tempfile.TemporaryDirectory() as directory, Upstream() as upstream, traffic.key_server() as keys:
        places = [Path(directory) / name for name in ("envoy", "prometheus")]
        for place in places:
            place.mkdir()
        listeners, clusters = traffic.listeners(keys), traffic.clusters(keys)
        with (
            harness.Envoy(listeners, upstream, places[0], "info", clusters=clusters) as envoy,
            prometheus.Prometheus(envoy, places[1]) as watching,
        ):
            begin = time.time()
            load(envoy, keys)
            draw(watching, begin, begin + SECONDS)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size} bytes")


def load(envoy, keys):
    """Sends requests as many clients would, and lets some things go wrong for a while."""
    begin, due, flooded = time.monotonic(), dict.fromkeys(EPISODES, 0.0), set()
    number = 0
    while (now := time.monotonic() - begin) < SECONDS:
        number += 1
        traffic.well(envoy, number)
        for reason, (start, end, rate) in EPISODES.items():
            while start <= now < end and due[reason] <= now:
                traffic.refused(envoy, reason)
                due[reason] = max(due[reason], start) + 1 / rate
        fails = ISSUER_FAILS[0] <= now < ISSUER_FAILS[1]
        keys.set(traffic.KEYS, {} if fails else traffic.key_set(traffic.ISSUER_KEY), 503 if fails else 200)
        if FLOOD[0] <= now < FLOOD[1] and int(now) not in flooded:
            flooded.add(int(now))
            clients = client.Streams(envoy["strict"].address)
            clients.send([None] * FLOOD_REQUESTS)
            clients.answers(count=FLOOD_REQUESTS)
            clients.close()
        time.sleep(TICK)


def draw(watching, begin, end):
    from matplotlib import pyplot

    panels = prometheus.panels()
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = pyplot.figure(figsize=(WIDTH_INCHES, rows * ROW_INCHES))
    for panel in panels:
        at = panel["gridPos"]
        # The panel's own margins, for its title and the numbers at its axes, are in inches.
        left, top = at["x"] / COLUMNS * WIDTH_INCHES + 0.6, (rows - at["y"]) * ROW_INCHES - 0.35
        width, height = at["w"] / COLUMNS * WIDTH_INCHES - 0.75, at["h"] * ROW_INCHES - 0.7
        size = (left / WIDTH_INCHES, (top - height) / rows / ROW_INCHES, width / WIDTH_INCHES, height / rows / ROW_INCHES)
        draw_panel(figure.add_axes(size), panel, watching, begin, end)
    figure.savefig(PICTURE, dpi=100, pil_kwargs={"optimize": True})


def draw_panel(axes, panel, watching, begin, end):
    defaults = panel["fieldConfig"]["defaults"]
    is_stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    under = {}
    for target in panel["targets"]:
        times, values = watching.course(prometheus.expression(target), begin, end)
        # Of a long list, those that stay at zero would only fill the legend.
        if len(panel["targets"]) > 1 and not any(value > 0 for value in values):
            continue
        floor = [under.get(moment, 0) if is_stacked else 0 for moment in times]
        shown = [value + below for value, below in zip(values, floor)]
        under.update(zip(times, shown))
        seconds = [moment - begin for moment in times]
        (line,) = axes.plot(seconds, shown, label=target["legendFormat"], linewidth=1)
        axes.fill_between(seconds, floor, shown, alpha=defaults["custom"]["fillOpacity"] / 100, color=line.get_color())
    axes.set_title(panel["title"], loc="left", fontsize=9, fontweight="bold")
    axes.set_ylabel(UNITS[defaults["unit"]], fontsize=7)
    axes.set_xlabel("seconds", fontsize=7, labelpad=1)
    axes.set_xlim(0, end - begin)
    axes.set_ylim(bottom=defaults["min"])
    axes.tick_params(labelsize=7)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6, loc="upper left", ncols=2)


if __name__ == "__main__":
    sys.exit(main())
