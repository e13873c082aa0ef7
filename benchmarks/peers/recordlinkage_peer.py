"""recordlinkage with unsupervised EM (ECM classifier) on the same file: IN.csv OUT.csv (left, right, score)."""

import re
import sys

import numpy as np
import pandas as pd
import recordlinkage


def main() -> None:
    table = pd.read_csv(sys.argv[1], dtype=str, keep_default_na=False)
    frame = pd.DataFrame(index=table.index)
    for column in ("first_name", "last_name", "email", "company", "postcode"):
        frame[column] = table[column].str.strip().str.lower().replace("", np.nan) if column in table else np.nan
    digits = table.get("phone", pd.Series("", index=table.index)).map(lambda text: re.sub(r"\D", "", text)[-9:])
    frame["phone"] = digits.where(digits.str.len() > 6)
    index = recordlinkage.Index()
    for keys in (["email"], ["phone"], ["first_name", "last_name"], ["last_name", "company"], ["last_name", "postcode"]):
        usable = frame.dropna(subset=keys)
        if len(usable):
            index.block(keys)
    pairs = index.index(frame)
    compare = recordlinkage.Compare()
    for column in ("first_name", "last_name", "company"):
        compare.string(column, column, method="jarowinkler", threshold=0.88, label=column)
    for column in ("email", "phone", "postcode"):
        compare.exact(column, column, label=column)
    features = compare.compute(pairs, frame)
    classifier = recordlinkage.ECMClassifier(binarize=0.5)
    classifier.fit(features)
    chance = np.clip(classifier.prob(features), 1e-12, 1 - 1e-12)
    found = pd.DataFrame({"left": pairs.get_level_values(0), "right": pairs.get_level_values(1), "score": np.log2(chance / (1 - chance))})
    found[found["score"] > -5].to_csv(sys.argv[2], index=False)


main()
