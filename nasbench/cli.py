"""The command `nasbench`: its verbs put together, and typed errors turned into one line."""

from __future__ import annotations

import logging
import sys
from typing import Annotated, NoReturn

import typer

from nasbench import __version__
from nasbench.commands import compare, explain, fetch, look, predictors, report, study, surrogate, tables
from nasbench.commands.formats import FormatGroup
from nasbench.errors import NasbenchError

app = typer.Typer(
    name="nasbench",
    help="Compare neural-architecture-search algorithms fairly, on real published tables.",
    epilog="Start with:  nasbench compare",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
import_app = typer.Typer(
    cls=FormatGroup, help="Make a benchmark of your own table, or of an official file.", no_args_is_help=True
)
app.add_typer(import_app, name="import")


def _examples(*lines: str) -> str:
    """An epilog of one example a line."""
    return "\n\n".join(["Examples:", *(f"  nasbench {line}" for line in lines)])


app.command("list", epilog=_examples("list", "list --all", "list strategies", "list benchmarks --json"))(look.list_)
app.command(epilog=_examples("info nasbench201/cifar10", "info fcnet/naval_propulsion --verify"))(look.info)
app.command(
    epilog=_examples(
        "query nasbench201/cifar10 4,2,1,2,1,1",
        "query nasbench201/cifar10 4,2,1,2,1,1 --metric val_accuracy --repeat 0",
        "query nas-bench-graph/cora '0,0,1,2|gcn,gat,skip,fc'",
    )
)(look.query)
app.command(
    epilog=_examples(
        "compare",
        "compare --tasks nasbench201/cifar10 --strategies gp,bananas --seeds 30 --evaluations 300",
        "compare --tasks fcnet --strategies random-search --strategy regularized-evolution:population=20,sample=5",
        "compare --tasks nasbench201/cifar10 --constraint 'params<=3e5' --constraint 'latency_ms<=15'",
        "compare --tasks nasbench201/cifar10 --objective val_accuracy,latency_ms --strategies nsga-ii,ehvi",
        "compare --tasks nas-bench-nlp --fidelity curve --epochs 1000 --strategies random-search,asha,bohb",
    )
)(compare.compare)
app.command(epilog=_examples("report nasbench-compare", "report nasbench-predictors", "report a/runs.sqlite --out b"))(
    report.report
)
app.command(
    epilog=_examples(
        "predictors",
        "predictors --tasks nasbench201/cifar10 --predictors gp,xgboost --sizes white --trials 100",
        "predictors --tasks fcnet --predictor xgboost:max_depth=4 --predictor xgboost:encoder=one-hot --label random",
        "predictors --tasks nasbench201/cifar10 --metric latency_ms --sizes 20,100",
    )
)(predictors.predictors)
app.command(
    epilog=_examples(
        "export nasbench201/cifar10 --csv c10.csv", "export fcnet/naval_propulsion --parquet naval.parquet"
    )
)(tables.export)
app.command(
    epilog=_examples("fetch nasbench201-test", "fetch nasbench201-hardware", "info nasbench201/cifar10", "list --all")
)(fetch.fetch)
app.command(epilog=_examples("remove mine", "remove nasbench201-test"))(tables.remove)
app.command(
    epilog=_examples(
        "surrogate nas-bench-mr/cls-10c",
        "surrogate accel-nasbench/imagenet --metric train_seconds --metric vck190_latency_ms --name accel",
        "surrogate hat/wmt14ende_gpu_titanxp --predictor xgboost --param members=5 --seed 1 --json",
        "compare --tasks nas-bench-mr-surrogate/cls-10c",
    )
)(surrogate.surrogate)
app.command(
    epilog=_examples(
        "explain nasbench201/cifar10",
        "explain nasbench201/imagenet16-120 --ranks --out why",
        "explain nasbench201/cifar10 --metric latency_ms --predictor gp --n 200 --json",
    )
)(explain.explain)
app.command(
    epilog=_examples(
        "ask mine.sqlite --space nasbench201/cifar10 --strategy gp --seed 1",
        "tell mine.sqlite 0 val_accuracy=91.2 --cost 3600",
        "ask mine.sqlite -n 4",
        "ask mine.sqlite --show",
        "ask net.sqlite --space space.json --objective accuracy --objective latency_ms:minimize --strategy nsga-ii",
        "ask small.sqlite --space nasbench201/cifar10 --constraint 'params<=1e6' --forbid none --pin 'edge 0->3="
        "skip_connect|nor_conv_3x3'",
    )
)(study.ask)
app.command(epilog=_examples("tell mine.sqlite 0 val_accuracy=91.2", "tell mine.sqlite 3 --failed", "ask mine.sqlite"))(
    study.tell
)
import_app.command(
    "csv",
    epilog=_examples(
        "import csv mine.csv --space-columns depth,width,op --metric acc:maximize:valid:% "
        "--metric train_seconds:minimize:cost:s",
        "compare --tasks mine",
    ),
)(tables.import_csv)


def main() -> NoReturn:
    """Entry point: typed errors become one line on stderr and exit code 2."""
    logging.basicConfig(format="%(levelname)s: %(message)s", level=logging.WARNING)
    try:
        app(standalone_mode=False)
    except typer.Abort:
        sys.exit(130)
    except NasbenchError as error:
        typer.secho(f"error: {error}", err=True, fg="red")
        sys.exit(2)
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error of the command line itself
        if show is None:
            raise
        show()
        sys.exit(getattr(error, "exit_code", 2))
    sys.exit(0)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nasbench {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Compare neural-architecture-search algorithms fairly, on real published tables."""


if __name__ == "__main__":
    main()
