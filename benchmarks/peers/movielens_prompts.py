"""Prompts of real, unequal length, for the work sft_epoch: MovieLens histories in words, as JSON lines of token ids.

    python benchmarks/peers/movielens_prompts.py build/data/ml-100k build/bench/prompts.jsonl

Reads RecBole's atomic files (.inter, .item and, where it is there, .user), as examples/movielens does. A line is a
user: the prompt tells the profile and the films liked (rated 4 or more) in order of time, at most the last 40 before
the label; the completion is the label, the next, last five films liked. The first users, in the order of the files, who
liked six films or more; as many as make whole batches of 16. A token is a word or a mark; its id is its rank by
frequency, ties in the order of the alphabet, modulo 4096, so two rare words may share an id: what counts here are the
lengths, and that both programs read the same ids. A tokenizer of subwords would make the sequences longer.
"""

import argparse
import collections
import json
import pathlib
import re
import statistics

BATCH, LABEL, HISTORY, LIKED, VOCABULARY = 16, 5, 40, 4.0, 4096


def fail(problem):
    raise SystemExit(f"movielens_prompts.py: {problem}")


def table(folder, ending, columns):
    """Rows of the atomic file, of these columns; none where there is no file."""
    file = next(folder.glob(f"*.{ending}"), None)
    if file is None:
        return
    header, *lines = file.read_text(encoding="utf-8").splitlines()
    names = [name.split(":")[0] for name in header.split("\t")]
    try:
        places = [names.index(column) for column in columns]
    except ValueError as problem:
        fail(f"{file}: {problem}; it has {', '.join(names)}")
    for line in lines:
        fields = line.split("\t")
        yield [fields[place] for place in places]


def told(profile, films):
    who = "A user, {}, {} years old, {}. ".format(*profile) if profile else "A user. "
    return f"{who}Films this user liked, the earliest first: {'; '.join(films)}. Name the next {LABEL} films."


def stories(folder, count):
    """Texts of prompt and completion of each user."""
    titles = {
        item: f"{title} ({year})"
        for item, title, year in table(folder, "item", ["item_id", "movie_title", "release_year"])
    }
    profiles = {user: who for user, *who in table(folder, "user", ["user_id", "gender", "age", "occupation"])}
    events = collections.defaultdict(list)
    for user, item, rating, time in table(folder, "inter", ["user_id", "item_id", "rating", "timestamp"]):
        if float(rating) >= LIKED and item in titles:
            events[user].append((float(time), titles[item]))
    users = [user for user in (profiles or events) if len(events[user]) > LABEL][:count]
    for user in users[: len(users) // BATCH * BATCH]:
        films = [title for _, title in sorted(events[user], key=lambda event: event[0])]  # ties as in the file
        yield told(profiles.get(user), films[:-LABEL][-HISTORY:]), "; ".join(films[-LABEL:]) + "."


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="with .inter, .item and perhaps .user")
    parser.add_argument("file", type=pathlib.Path, help="what is written")
    parser.add_argument("--users", type=int, default=128, help="at most (%(default)s)")
    options = parser.parse_args()
    pairs = [[re.findall(r"\w+|[^\w\s]", text) for text in story] for story in stories(options.folder, options.users)]
    if not pairs:
        fail(f"{options.folder}: fewer than {BATCH} users with more than {LABEL} films liked")
    counts = collections.Counter(word for pair in pairs for words in pair for word in words)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    ids = {word: rank % VOCABULARY for rank, word in enumerate(ranked)}
    encoded = [[[ids[word] for word in words] for words in pair] for pair in pairs]
    lines = [json.dumps({"prompt": prompt, "completion": completion}) + "\n" for prompt, completion in encoded]
    options.file.parent.mkdir(parents=True, exist_ok=True)
    options.file.write_text("".join(lines))
    lengths = [len(prompt) + len(completion) for prompt, completion in encoded]
    print(
        f"{options.file}: {len(lengths)} sequences of {min(lengths)} to {max(lengths)} tokens, median "
        f"{statistics.median(lengths):g}; {sum(lengths)} in all, {len(ids)} different words"
    )


main()
