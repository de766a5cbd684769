"""The closed configuration schema and what it says to people."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from logassay.errors import UserError
from logassay.settings import validate

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())


def config(**changes: Any) -> dict[str, Any]:
    """A small complete configuration; `changes` are made at dotted keys, with double underscores for the dots."""
    result: dict[str, Any] = {
        "study": {"name": "x", "datasets": ["d"], "models": ["m"]},
        "groupings": {"session": {"by": "session"}},
        "splits": {"chronological": {"order": "chronological"}},
        "formats": {
            "f": {
                "header": "(?P<time>.) (?P<key>.) (?P<content>.*)",
                "timestamp": {"text": "{time}", "format": "%H %d %m %Y"},
                "session_key": {"group": "key"},
            }
        },
        "datasets": {"d": {"format": "f", "source": {"simulate": {}}}},
        "models": {"m": {"module": "deeplog"}},
    }
    for key, value in changes.items():
        *path, last = key.split("__")
        place = result
        for step in path:
            place = place.setdefault(step, {})
        place[last] = value
    return result


def test_the_schema_is_itself_valid_and_every_option_is_described() -> None:
    Draft202012Validator.check_schema(SCHEMA)

    def options(schema: dict[str, Any], path: str) -> None:
        named = schema.get("additionalProperties")
        assert named is not None or "properties" not in schema, f"{path} is open"
        children = schema.get("properties", {}) | ({"<name>": named} if isinstance(named, dict) else {})
        for name, option in children.items():
            assert option.get("description", "").endswith("."), f"{path}.{name} has no description"
            known = {
                "type",
                "description",
                "default",
                "enum",
                "items",
                "properties",
                "additionalProperties",
                "required",
            }
            known |= {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "pattern", "propertyNames", "oneOf"}
            known |= {"required", "minItems", "uniqueItems", "minProperties", "maxProperties"}
            assert set(option) <= known, f"{path}.{name} has stray keys {set(option) - known}"
            options(option, f"{path}.{name}")
            options(option.get("items", {}), f"{path}.{name}[]")

    options(SCHEMA, "")


def test_defaults_are_filled_in_at_every_depth() -> None:
    filled = config()
    validate(filled, SCHEMA)
    assert filled["study"]["epochs"] == 3
    assert filled["evaluation"]["threshold"]["strategy"] == "quantile"
    assert filled["splits"]["chronological"]["train"] == 0.5
    assert filled["datasets"]["d"]["source"]["simulate"]["sessions"] == 8000
    assert filled["models"]["m"]["epochs"] is None


def test_numbers_given_as_text_on_the_command_line_are_numbers() -> None:
    filled = config(study__epochs="5", study__seeds=["1", "2"], study__eval_sample_size="null", study__name="7")
    validate(filled, SCHEMA)
    study = filled["study"]
    assert (study["epochs"], study["seeds"], study["eval_sample_size"], study["name"]) == (5, [1, 2], None, "7")


def test_every_ratio_of_four_decimals_is_accepted() -> None:
    filled = config(study__anomaly_ratios=[number / 10_000 for number in range(1, 10_001)])
    validate(filled, SCHEMA)


def test_defaults_are_copies() -> None:
    first, second = config(), config()
    validate(first, SCHEMA)
    first["study"]["seeds"].append(99)
    validate(second, SCHEMA)
    assert second["study"]["seeds"] == [1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"study__epohcs": 4}, "Unknown key 'study.epohcs' in the configuration; did you mean 'epochs'?"),
        ({"epohcs": 4}, "Unknown key 'epohcs' in the configuration; known are: study, evaluation"),
        ({"study__epochs": 0}, "'study.epochs' in the configuration is wrong: 0 is less than the minimum of 1"),
        ({"study__epochs": "a"}, "'study.epochs' in the configuration is wrong: 'a' is not of type 'integer'"),
        ({"study__anomaly_ratios": [0.00005]}, "study.anomaly_ratios has 5e-05; give at most four decimals"),
        ({"evaluation__pseudo": {"prevalence": 0.00005}}, "evaluation.pseudo.prevalence is 5e-05; give at most four"),
        ({"evaluation__pseudo": {"prevalence": 1}}, "1 is greater than or equal to the maximum of 1"),
        ({"splits__chronological": {"order": "chronological", "train": 0.9}}, "sum to 1.4; they may not exceed 1"),
        ({"evaluation__threshold": {"strategy": "targets"}}, "evaluation.threshold.targets is empty"),
        ({"models": {"my model": {"module": "deeplog"}}}, "The name 'my model' may hold only letters, digits"),
        (
            {"models__m": {"module": "deeplog", "values": True}, "study__protocols": ["pseudo"]}
            | {"datasets__d": {"source": {"sessions": [{"file": __file__}]}}},
            "study.models: 'm' reads the numbers in messages, but dataset 'd' brings ready-made sequences of event ids",
        ),
        (
            {"models__m": {"module": "loganomaly", "hyper": {"vectors": "no/such.vec"}}},
            "models.m.hyper.vectors: there is no file 'no/such.vec'",
        ),
        ({"tune": {"models": ["deeplgo"]}}, "tune.models names 'deeplgo', which is not defined under 'models'"),
        ({"study__models": ["deeplgo"]}, "study.models names 'deeplgo', which is not defined under 'models'"),
        ({"datasets__d__format": "g"}, "datasets.d.format names 'g', which is not defined under 'formats'"),
        ({"datasets__d__source": {"file": "no/such.log"}}, "datasets.d.source.file: there is no file 'no/such.log'"),
        ({"datasets__d__source": {"file": [__file__, "no*.l"]}}, "datasets.d.source.file: there is no file 'no*.l'"),
        (
            {"datasets__d__source": {"url": "https://ann:pw@x/a"}},
            "datasets.d.source.url holds a user, a password or a query",
        ),
        (
            {"datasets__d__source": {"url": "https://x/a?sig=1"}},
            "datasets.d.source.url holds a user, a password or a query",
        ),
        ({"datasets__d__source": {"url": "http://x"}}, "datasets.d.source.url has neither 'sha256' nor 'md5'"),
        ({"datasets__d__source": {"local": "a.log"}}, "'datasets.d.source' must have exactly one of: file; url; sim"),
        (
            {"datasets__d__source": {"file": [__file__, str(ROOT / "README.md")], "sha256": "0" * 64}},
            "datasets.d.source.sha256 is of one file, but source.file names 2; remove it.",
        ),
        (
            {
                "datasets__d": {
                    "source": {"file": [__file__, str(ROOT / "README.md")]},
                    "labels": {"member": "l"},
                    "format": "f",
                }
            },
            "datasets.d.labels.member needs one archive, but source.file names 2 files; name a file in labels.file.",
        ),
        ({"datasets__d__labels": {"file": __file__}}, "datasets.d.labels: a simulated log brings its own labels"),
        ({"study__groupings": ["w"], "groupings__w": {"by": "window"}}, "groupings.w.length is missing"),
        ({"study__groupings": ["w"], "groupings__w": {"by": "window", "length": 2.5}}, "give whole numbers"),
        (
            {"formats__f__session_key": None},
            "study.groupings: 'session' groups lines by session, but formats.f of dataset 'd' has no session_key;",
        ),
        (
            {"formats__f": {"plain": True}, "study__groupings": ["w"], "groupings__w": {"by": "time", "length": 60}},
            "study.groupings: 'w' groups lines by time, but those of formats.f of dataset 'd' have none; choose",
        ),
        (
            {"formats__f": {"plain": True, "loghub": "<Content>"}},
            "'formats.f' must have exactly one of: header; loghub; json",
        ),
        (
            {"datasets__d": {"format": "f", "source": {"file": __file__}, "labels": {"intervals": "no/such.csv"}}},
            "datasets.d.labels.intervals: there is no file 'no/such.csv'; correct the path.",
        ),
        (
            {"datasets__d": {"format": "f", "source": {"file": __file__}, "labels": {"intervals": __file__}}}
            | {"formats__f__timestamp": None},
            "datasets.d.labels.intervals label lines by their time, but those of formats.f have none; add a timestamp.",
        ),
        (
            {"datasets__d": {"format": "f", "source": {"file": __file__}}}
            | {"datasets__d__labels": {"intervals": __file__, "zone": "Asia/Seoul"}},
            "datasets.d.labels.zone is 'Asia/Seoul', but the zone of the log's times is not known; set formats.f",
        ),
        (
            {"formats__f__timestamp__zone": yaml.safe_load("+10:00")},
            "'formats.f.timestamp.zone' in the configuration is read as the number 600; put it in quotes, as in",
        ),
        (
            {"formats__f__timestamp__zone": "Asia/Soul"},
            "formats.f.timestamp.zone is 'Asia/Soul', which is no known zone; give a name such as Asia/Seoul",
        ),
        (
            {"datasets__d": {"format": "f", "source": {"file": __file__}}, "formats__f__timestamp__zone": "UTC"}
            | {"datasets__d__labels": {"intervals": __file__, "zone": "+25:00"}},
            "datasets.d.labels.zone is '+25:00', which is no known zone; give a name such as Asia/Seoul",
        ),
        (
            {"datasets__d": {"format": "f", "source": {"file": str(ROOT / "tests")}}},
            f"datasets.d.source.file: '{ROOT / 'tests'}' is a folder; write {ROOT / 'tests'}/* for its files.",
        ),
        (
            {"datasets__d__labels": {"file": __file__, "intervals": __file__}},
            "'datasets.d.labels' must have exactly one of: file; member; intervals.",
        ),
        (
            {"datasets__d__source": {"file": __file__}},
            "study.protocols asks for 'labelled', but dataset 'd' has no labels",
        ),
    ],
)
def test_mistakes_are_told_in_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        validate(config(**changes), SCHEMA)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_study_without_a_name_is_told() -> None:
    broken = config()
    del broken["study"]["name"]
    with pytest.raises(UserError, match=r"lacks 'study.name'"):
        validate(broken, SCHEMA)


def test_a_window_strides_by_its_length_unless_told() -> None:
    filled = config(study__groupings=["w"], groupings__w={"by": "window", "length": 10})
    validate(filled, SCHEMA)
    assert filled["groupings"]["w"]["stride"] == 10


@pytest.mark.parametrize("zone", [None, "UTC", "Asia/Seoul", "US/Pacific", "+10:00", "-0530"])
def test_zones(zone: str | None) -> None:
    validate(config(formats__f__timestamp__zone=zone), SCHEMA)


def test_a_zone_of_another_format_does_not_matter() -> None:
    timestamp = {"text": "{time}", "format": "%Y", "zone": "Asia/Soul"}
    validate(config(formats__other={"header": "(?P<time>.)(?P<content>.)", "timestamp": timestamp}), SCHEMA)


def test_labels_by_interval_need_no_more_than_a_file() -> None:
    filled = config(datasets__d={"format": "f", "source": {"file": __file__}, "labels": {"intervals": __file__}})
    validate(filled, SCHEMA)
    labels = filled["datasets"]["d"]["labels"]
    assert [labels[key] for key in ("start", "end", "kind", "zone")] == ["start", "end", None, None]
    filled["formats"]["f"]["timestamp"]["zone"] = "+09:00"
    labels["zone"] = "Asia/Seoul"
    validate(filled, SCHEMA)
