"""A reader's browser: the page runs from a file, asks for nothing, and shows the numbers that it holds."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from logassay.blocks import Curve, Explorer
from tests.browser.conftest import Opened
from tests.browser.sample import HOSTILE, report

CURVES = next(block.curves for block in report().blocks if isinstance(block, Explorer))


def counts(opened: Opened) -> dict[str, int]:
    shown = opened.page.locator("[data-count]").evaluate_all("cells => cells.map(e => [e.dataset.count, e.innerText])")
    return {name: int(text.replace(",", "")) for name, text in shown}


def expected(curve: Curve, step: int) -> dict[str, int]:
    tp, fp = curve.tp[step], curve.fp[step]
    return {"tp": tp, "fn": curve.anomalous - tp, "fp": fp, "tn": curve.normal - fp}


def start(curve: Curve) -> int:
    """Return where the slider stands at first."""
    assert curve.chosen is not None
    return list(curve.thresholds).index(curve.chosen)


def rates(opened: Opened, column: str) -> dict[str, str]:
    names = ("precision", "recall", "specificity", "f1", "per_thousand")
    return {name: opened.page.locator(f'[data-{column}="{name}"]').inner_text() for name in names}


def move(slider: Locator, value: float) -> None:
    slider.evaluate("(e, value) => { e.value = value; e.dispatchEvent(new Event('input', {bubbles: true})) }", value)


def column(opened: Opened, number: int) -> list[str]:
    rows = opened.page.locator(".table tbody tr:visible").all()
    return [row.locator("th, td").nth(number).inner_text().split("\n")[-1] for row in rows]


def test_it_opens_from_a_file_without_a_word_and_without_a_request(opened: Opened) -> None:
    expect(opened.page.locator(".chart svg")).to_have_count(3)
    assert opened.complaints == []
    assert opened.requests == [opened.page.url]
    # What the policy says, tried: no connection, and no script but the page's own.
    refused = opened.page.evaluate("fetch('https://example.invalid/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    opened.page.evaluate("document.body.append(Object.assign(document.createElement('script'), {text: 'harmed = 1'}))")
    assert opened.page.evaluate("window.harmed") is None
    assert opened.requests == [opened.page.url]
    assert all("Content Security Policy" in complaint for complaint in opened.complaints)
    opened.complaints.clear()


def test_the_explorer_starts_at_the_chosen_threshold(opened: Opened) -> None:
    first = CURVES[0]
    step = start(first)
    assert counts(opened) == expected(first, step)
    assert opened.page.locator('[data-of="threshold"]').inner_text() == f"{first.chosen:.6g} (chosen)"
    tp, fp = first.tp[step], first.fp[step]
    numbers = rates(opened, "measured")
    assert numbers == rates(opened, "assumed")
    assert numbers == {
        "precision": f"{100 * tp / (tp + fp):.2f}%",
        "recall": f"{100 * tp / first.anomalous:.2f}%",
        "specificity": f"{100 * (1 - fp / first.normal):.2f}%",
        "f1": f"{2 * tp / (tp + fp + first.anomalous):.4f}",
        "per_thousand": f"{1000 * (tp + fp) / (first.normal + first.anomalous):.1f}",
    }


def test_every_threshold_shows_the_counts_of_the_curve(opened: Opened) -> None:
    slider = opened.page.get_by_label("Threshold", exact=True)
    for step in range(len(CURVES[0].thresholds)):
        move(slider, step)
        assert counts(opened) == expected(CURVES[0], step), step
    assert rates(opened, "measured")["precision"] == "undefined", "nothing is flagged above the highest score"


def test_the_threshold_moves_by_keyboard_and_returns(opened: Opened) -> None:
    curve, slider = CURVES[0], opened.page.get_by_label("Threshold", exact=True)
    first = start(curve)
    slider.focus()
    opened.page.keyboard.press("ArrowLeft")
    opened.page.keyboard.press("ArrowLeft")
    assert counts(opened) == expected(curve, first - 2)
    expect(opened.page.locator('[data-of="threshold"]')).to_have_text(f"{curve.thresholds[first - 2]:.6g}")
    assert slider.get_attribute("aria-valuetext") == f"{curve.thresholds[first - 2]:.6g}"
    opened.page.keyboard.press("Home")
    assert counts(opened) == expected(curve, 0)
    opened.page.get_by_role("button", name="Back to the chosen threshold").press("Enter")
    assert counts(opened) == expected(curve, first)
    tp = f"{curve.tp[first]:,}"
    assert tp in opened.page.locator('[data-of="summary"]').inner_text(), "what changed is read out"


def test_prevalence_restates_the_rates_and_leaves_the_counts(opened: Opened) -> None:
    curve = CURVES[0]
    step = start(curve)
    before, measured = counts(opened), rates(opened, "measured")
    move(opened.page.get_by_label("Assumed prevalence"), -2)
    recall, alarms, share = curve.tp[step] / curve.anomalous, curve.fp[step] / curve.normal, 0.01
    flagged = share * recall + (1 - share) * alarms
    assert opened.page.locator('output[data-of="prevalence"]').inner_text() == "1%"
    assert rates(opened, "assumed") == {
        "precision": f"{100 * share * recall / flagged:.2f}%",
        "recall": measured["recall"],
        "specificity": measured["specificity"],
        "f1": f"{2 * share * recall / (share + flagged):.4f}",
        "per_thousand": f"{1000 * flagged:.1f}",
    }
    assert (counts(opened), rates(opened, "measured")) == (before, measured)
    opened.page.get_by_role("button", name="Back to the measured prevalence").click()
    assert rates(opened, "assumed") == measured


def test_pickers_change_the_checkpoint(opened: Opened) -> None:
    model, checkpoint = opened.page.get_by_label("Model").last, opened.page.get_by_label("Checkpoint")
    names = [option.text_content() for option in model.locator("option").all()]
    assert names[:2] == ["LogRobust", "DeepLog"]
    checkpoint.select_option(label="epoch 10, seed 2, 200,000 training sequences")
    assert counts(opened) == expected(CURVES[2], start(CURVES[2]))
    model.select_option(label="DeepLog")
    # DeepLog is judged by its own rule: no threshold was chosen.
    expect(opened.page.get_by_role("button", name="Back to the chosen threshold")).to_be_disabled()
    step = int(opened.page.get_by_label("Threshold", exact=True).input_value())
    assert counts(opened) == expected(CURVES[3], step)
    model.select_option(index=2)
    assert counts(opened)["tp"] + counts(opened)["fn"] == CURVES[4].anomalous
    assert HOSTILE.split("\u2028")[0] in (names[2] or "")


def test_the_rule_of_the_chart_follows_the_slider(opened: Opened) -> None:
    rule = opened.page.locator(".explorer .mark-rule.role-mark line[transform]").first
    slider = opened.page.get_by_label("Threshold", exact=True)
    places = []
    for step in (0, 30, 59):
        move(slider, step)
        opened.page.wait_for_timeout(50)
        box = rule.bounding_box()
        assert box is not None
        places.append(box["x"])
    assert places[1] - places[0] == pytest.approx((places[2] - places[0]) * 30 / 59, abs=2)
    assert places[2] - places[0] > 500


def test_charts_tell_their_numbers_where_the_mouse_points(opened: Opened) -> None:
    rule = opened.page.locator("figure").last.locator(".mark-rule line").last
    rule.scroll_into_view_if_needed()
    box = rule.bounding_box()
    assert box is not None
    opened.page.mouse.move(box["x"] + 0.8 * box["width"], box["y"])
    tooltip = opened.page.locator("#vg-tooltip-element")
    expect(tooltip).to_contain_text("</script><script>window.harmed = 1</script>")
    expect(tooltip).to_be_visible()
    assert opened.page.evaluate("window.harmed") is None


def test_tables_are_sorted_by_keyboard_with_undefined_numbers_last(opened: Opened) -> None:
    head = opened.page.get_by_role("columnheader", name="ROC-AUC")
    head.get_by_role("button").focus()
    opened.page.keyboard.press("Enter")
    assert [cell[-6:] for cell in column(opened, 8)] == ["0.9912", "0.9831", "0.5031", "0.5012", "-", "-"]
    assert head.get_attribute("aria-sort") == "descending"
    opened.page.keyboard.press("Space")
    assert column(opened, 8)[:3] == ["0.5012", "0.5031", "0.9831"]
    assert column(opened, 8)[4:] == ["-", "-"]
    assert head.get_attribute("aria-sort") == "ascending"
    opened.page.get_by_role("columnheader", name="Model").get_by_role("button").press("Enter")
    assert column(opened, 0)[:4] == ["count of events", "DeepLog", "LogAnomaly", "LogRobust"]
    assert head.get_attribute("aria-sort") is None


def test_filters_leave_rows_out_of_the_screen_but_not_of_the_print(opened: Opened) -> None:
    box = opened.page.locator(".filters")
    box.get_by_label("Kind").select_option("baseline")
    assert len(column(opened, 0)) == 2
    expect(box.locator("output")).to_have_text("2 of 6 rows")
    box.get_by_label("Model").select_option("count of events")
    assert column(opened, 0) == ["count of events"]
    opened.page.emulate_media(media="print")
    assert len(column(opened, 0)) == 6
    expect(box).to_be_hidden()
    opened.page.emulate_media(media="screen")
    for name in ("Kind", "Model"):
        box.get_by_label(name).select_option("All")
    assert len(column(opened, 0)) == 6


def test_theme_follows_the_system_until_it_is_switched(chromium: Browser, address: str) -> None:
    shown = Opened(chromium, address, color_scheme="dark")

    def look() -> tuple[str, str]:
        ground = shown.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return ground, shown.page.evaluate(
            "getComputedStyle(document.querySelector('.chart .role-axis-label text')).fill"
        )

    light, dark = ("rgb(245, 246, 248)", "rgb(85, 96, 109)"), ("rgb(18, 22, 27)", "rgb(164, 175, 187)")
    button = shown.page.locator("#page-theme")
    assert (look(), button.text_content()) == (dark, "Light")
    button.press("Enter")
    assert (look(), button.text_content()) == (light, "Dark")
    button.press("Enter")
    shown.page.emulate_media(media="print")
    assert look() == ("rgb(255, 255, 255)", light[1]), "print is light in either theme"
    assert shown.complaints == []
    shown.context.close()


def test_a_phone_scrolls_tables_and_not_the_page(chromium: Browser, address: str) -> None:
    shown = Opened(chromium, address, viewport={"width": 360, "height": 740})
    assert shown.page.evaluate("document.documentElement.scrollWidth") == 360
    box = shown.page.locator(".table .scroll")
    assert box.evaluate("e => e.scrollWidth > e.clientWidth")
    box.focus()
    shown.page.keyboard.press("ArrowRight")
    shown.page.wait_for_function("() => document.querySelector('.table .scroll').scrollLeft > 0")
    for chart in shown.page.locator(".chart").all():
        assert chart.evaluate("e => e.scrollWidth <= e.clientWidth")
    assert shown.complaints == []
    shown.context.close()


def test_without_scripts_everything_can_be_read(chromium: Browser, address: str) -> None:
    shown = Opened(chromium, address, java_script_enabled=False)
    expect(shown.page.locator(".still svg")).to_have_count(2)
    expect(shown.page.locator(".still svg").first).to_be_visible()
    assert shown.page.locator("tbody tr:visible").count() == 6
    expect(shown.page.locator(".panel")).to_be_hidden()
    expect(shown.page.get_by_role("button")).to_have_count(0)
    assert shown.complaints == []
    shown.context.close()


def test_the_skip_link_is_the_first_stop_and_leads_to_the_report(opened: Opened) -> None:
    opened.page.keyboard.press("Tab")
    link = opened.page.get_by_role("link", name="Skip to the report")
    expect(link).to_be_focused()
    expect(link).to_be_in_viewport()
    opened.page.keyboard.press("Enter")
    expect(opened.page.locator("main")).to_be_focused()


def test_it_prints_with_every_explanation_open(opened: Opened, tmp_path: Path) -> None:
    opened.page.pdf(path=str(tmp_path / "report.pdf"))
    assert (tmp_path / "report.pdf").stat().st_size > 20_000
    assert opened.page.locator("details.abouts").get_attribute("open") is not None
