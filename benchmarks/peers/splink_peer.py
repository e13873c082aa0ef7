"""splink 5 with duckdb on the same file, in an environment of its own: IN.csv OUT.csv (left, right, score)."""

import re
import sys

import pandas as pd
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

NAMES = {"given_name": "first_name", "surname": "last_name"}  # as the public sets call them


def cleaned(file: str) -> pd.DataFrame:
    table = pd.read_csv(file, dtype=str, keep_default_na=False).rename(columns=str.strip).rename(columns=NAMES)
    frame = pd.DataFrame({"unique_id": range(len(table))})
    for column in ("first_name", "last_name", "email", "company", "postcode", "city"):
        frame[column] = table[column].str.strip().str.lower().replace("", None) if column in table else None
    digits = table.get("phone", pd.Series("", index=table.index)).map(lambda text: re.sub(r"\D", "", text)[-9:])
    frame["phone"] = digits.where(digits.str.len() > 6, None)
    return frame


def main() -> None:
    frame = cleaned(sys.argv[1])
    settings = SettingsCreator(
        link_type="dedupe_only",
        blocking_rules_to_generate_predictions=[
            block_on("email"), block_on("phone"), block_on("first_name", "last_name"), block_on("last_name", "company"),
            block_on("last_name", "postcode"),
        ],
        comparisons=[
            cl.JaroWinklerAtThresholds("first_name"), cl.JaroWinklerAtThresholds("last_name"), cl.EmailComparison("email"),
            cl.ExactMatch("phone"), cl.JaroWinklerAtThresholds("company"), cl.ExactMatch("postcode"),
        ],
    )  # fmt: skip
    linker = Linker(DuckDBAPI().register(frame), settings)
    linker.training.estimate_probability_two_random_records_match([block_on("email"), block_on("phone", "last_name")], recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("first_name", "last_name"), block_on("email")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict(threshold_match_weight=-5).as_pandas_dataframe()
    pairs = pd.DataFrame({"left": found["unique_id_l"], "right": found["unique_id_r"], "score": found["match_weight"]})
    pairs.to_csv(sys.argv[2], index=False)


main()
