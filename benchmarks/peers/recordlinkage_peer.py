"""recordlinkage with unsupervised EM (ECM classifier) on the same file: IN.csv OUT.csv (left, right, score)."""

import re
import sys

import numpy as np
import pandas as pd
import recordlinkage

NAMES = {"given_name": "first_name", "surname": "last_name"}  # as the public sets call them


def main() -> None:
    table = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False).rename(columns=str.strip).rename(columns=NAMES)
    frame = pd.DataFrame(index=table.index)
    for column in ("first_name", "last_name", "email", "company", "postcode"):
        if column in table:
            frame[column] = table[column].str.strip().str.lower().replace("", np.nan)
    if "phone" in table:
        digits = table["phone"].map(lambda text: re.sub(r"\D", "", text)[-9:])
        frame["phone"] = digits.where(digits.str.len() > 6)
    index = recordlinkage.Index()
    for keys in (["email"], ["phone"], ["first_name", "last_name"], ["last_name", "company"], ["last_name", "postcode"]):
        if set(keys) <= set(frame) and len(frame.dropna(subset=keys)) > 0:
            index.block(keys)
    pairs = index.index(frame)
    compare = recordlinkage.Compare()
    for column in frame:  # what the file has none of tells nothing
        if column in ("first_name", "last_name", "company"):
            compare.string(column, column, method="jarowinkler", threshold=0.88, label=column)
        else:
            compare.exact(column, column, label=column)
    features = compare.compute(pairs, frame)
    classifier = recordlinkage.ECMClassifier(binarize=0.5)
    classifier.fit(features)
    chance = np.clip(classifier.prob(features), 1e-12, 1 - 1e-12)
    found = pd.DataFrame({"left": pairs.get_level_values(0), "right": pairs.get_level_values(1), "score": np.log2(chance / (1 - chance))})
    found[found["score"] > -5].to_csv(sys.argv[2], index=False)


main()
