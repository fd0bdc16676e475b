"""The peers of examples/amazon: RecBole's sequential models on the same files, in the same protocol.

    pip install recbole==1.2.1 torch==2.13.0 "numpy<2" "pandas<2" "scipy<1.12" "setuptools<81" pyyaml
    python benchmarks/peers/recbole_amazon.py DATA/Beauty SASRec GRU4Rec BERT4Rec FDSA S3Rec

Last item: test; last but one: validation, by whose NDCG@10, the history ranked, too, RecBole stops early. All items are
ranked, once with the whole history left out ("masked") and once with it; equal scores: the item that comes first in
items.tsv. SASRec is trained with cross-entropy, "SASRec/BPR" with RecBole's pairwise loss, "SASRec/BCE" with the binary
cross-entropy of its paper, which RecBole lacks; the rest as RecBole's own settings say. S3Rec pre-trains first.
"""

import argparse
import math
import os
import pathlib
import sys
import tempfile
import time

import torch

try:
    from recbole.config import Config
    from recbole.data import create_dataset, data_preparation
    from recbole.utils import get_model, get_trainer, init_seed
except ImportError as problem:
    raise SystemExit(f"recbole_amazon.py: left out: {problem}")


def load_whole(*arguments, **options):
    """torch.load as it was when RecBole was written: its checkpoints hold its configuration."""
    return torch_load(*arguments, **{**options, "weights_only": False})


torch_load, torch.load = torch.load, load_whole
# RecBole looks for NaN in every slope: four tenths of the time.
torch.autograd.set_detect_anomaly = lambda on: None


class BinaryCrossEntropy(torch.nn.Module):
    """Kang and McAuley, arXiv 1808.09781, equation 6."""

    def forward(self, positive, negative):
        return -(torch.nn.functional.logsigmoid(positive) + torch.nn.functional.logsigmoid(-negative)).mean()


def atomic_files(source, folder):
    """Sequences and items as RecBole's .inter and .item; the time of an interaction is its place."""
    with open(folder / "amazon.inter", "w") as out, open(source / "sequences.tsv") as lines:
        out.write("user_id:token\titem_id:token\ttimestamp:float\n")
        next(lines)
        for line in lines:
            user, items = line.rstrip("\n").split("\t")
            for place, item in enumerate(items.split()):
                out.write(f"{user}\t{item}\t{place}\n")
    with open(folder / "amazon.item", "w") as out, open(source / "items.tsv") as lines:
        out.write("item_id:token\tattributes:token_seq\n")
        columns = next(lines).rstrip("\n").split("\t")
        for line in lines:
            row = dict(zip(columns, line.rstrip("\n").split("\t")))
            names = [f"c:{c.strip()}" for path in row["categories"].split("|") for c in path.split(">") if c.strip()]
            if row["brand"]:
                names.append(f"b:{row['brand']}")
            # The field's own separator is the space.
            out.write(row["item_id"] + "\t" + " ".join(n.replace(" ", "_") for n in names) + "\n")


def settings(name, folder, arguments):
    own = {
        "data_path": str(folder.parent),
        "use_gpu": False,
        "show_progress": False,
        "state": "ERROR",
        "seed": arguments.seed,
        "epochs": arguments.epochs,
        "stopping_step": 3,
        "train_batch_size": 512,
        "eval_batch_size": 256,
        "load_col": {"inter": ["user_id", "item_id", "timestamp"], "item": ["item_id", "attributes"]},
        "selected_features": ["attributes"],
        "item_attribute": "attributes",
        "MAX_ITEM_LIST_LENGTH": arguments.length,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "mode": "full", "group_by": "user"},
        "metrics": ["Recall", "NDCG"],
        "topk": [5, 10],
        "valid_metric": "NDCG@10",
        "checkpoint_dir": str(folder),
    }
    if "/" in name:
        own["loss_type"] = "BPR"
    else:
        own["train_neg_sample_args"] = None
    if name == "S3Rec":
        own["train_stage"] = "pretrain"
        own["save_step"] = arguments.pretrain_epochs
        own["pretrain_epochs"] = arguments.pretrain_epochs
    return own


def item_numbers(folder, tokens):
    """The line of each of RecBole's items in the file."""
    with open(folder / "amazon.item") as lines:
        line_of = {line.split("\t")[0]: number for number, line in enumerate(lines)}
    return torch.tensor([line_of.get(token, 0) for token in tokens])  # the first is padding


def place(scores, wanted, before):
    return 1 + ((scores > wanted) | ((scores == wanted) & before)).sum(1)


def ranks(model, data, bought, number):
    """The target's place among all items for each user, from 1: masked, and with the history ranked, too."""
    all_masked, all_places = [], []
    model.eval()
    with torch.no_grad():
        for batch, _, _, target in data:
            scores = model.full_sort_predict(batch.to(model.device)).view(len(batch), -1)
            scores[:, 0] = -math.inf  # padding
            wanted = scores.gather(1, target.view(-1, 1))
            before = number < number[target].view(-1, 1)
            all_places.append(place(scores, wanted, before))
            for row, user in zip(scores, batch["user_id"].tolist()):
                row[bought[user]] = -math.inf  # the target, too, whose score is in wanted
            all_masked.append(place(scores, wanted, before))
    return torch.cat(all_masked), torch.cat(all_places)


def epoch_line(name):
    start = time.perf_counter()

    def show(epoch, score):
        minutes = (time.perf_counter() - start) / 60
        print(f"{name}: epoch {epoch + 1}, {minutes:.1f} min, validation NDCG@10 {score:.4f}", file=sys.stderr)

    return show


def train(name, folder, arguments):
    model_name = name.split("/")[0]
    config = Config(model=model_name, dataset=folder.name, config_dict=settings(name, folder, arguments))
    init_seed(config["seed"], True)
    dataset = create_dataset(config)
    bought = dataset.inter_feat.groupby("user_id")["item_id"].agg(list)
    number = item_numbers(folder, dataset.field2id_token["item_id"])
    training, validation, test = data_preparation(config, dataset)
    model = get_model(model_name)(config, training.dataset).to(config["device"])
    if name.endswith("/BCE"):
        model.loss_fct = BinaryCrossEntropy()
    trainer = get_trainer(config["MODEL_TYPE"], model_name)(config, model)
    if model_name == "S3Rec":
        trainer.fit(training, verbose=False)
        config["train_stage"] = "finetune"
        config["pre_model_path"] = trainer.saved_model_file
        model = get_model(model_name)(config, training.dataset).to(config["device"])
        trainer = get_trainer(config["MODEL_TYPE"], model_name)(config, model)
    trainer.fit(training, validation, verbose=False, show_progress=False, callback_fn=epoch_line(name))
    model.load_state_dict(torch.load(trainer.saved_model_file)["state_dict"])
    return ranks(model, test, bought, number)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path, help="folder with sequences.tsv and items.tsv")
    parser.add_argument("models", nargs="+", help="SASRec, SASRec/BCE, SASRec/BPR, GRU4Rec, BERT4Rec, FDSA, S3Rec, ...")
    parser.add_argument("--epochs", type=int, default=100, help="at most; stops after 3 without a better validation")
    parser.add_argument("--pretrain-epochs", type=int, default=100, help="of S3Rec")
    parser.add_argument("--length", type=int, default=50, help="of the history that a model sees")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    del sys.argv[1:]  # RecBole would read them
    with tempfile.TemporaryDirectory() as root:
        folder = pathlib.Path(root) / "amazon"
        folder.mkdir()
        atomic_files(arguments.data, folder)
        os.chdir(root)  # RecBole writes logs where it runs
        print(f"{'':14s} {'':7s}" + "".join(f"{m:>11s}" for m in ("Recall@5", "NDCG@5", "Recall@10", "NDCG@10")))
        for name in arguments.models:
            start = time.perf_counter()
            for kind, places in zip(("masked", "all"), train(name, folder, arguments)):
                figures = []
                for k in (5, 10):
                    hit = (places <= k).double()
                    figures += [hit.mean().item(), (hit / torch.log2(places.double() + 1)).mean().item()]
                print(f"{name:14s} {kind:7s}" + "".join(f"{figure:11.4f}" for figure in figures), flush=True)
            print(f"{name:14s} {(time.perf_counter() - start) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
