"""What a visitor does on the page in every browser test."""


def open_tab(page, name):
    """Go to a tab and wait until it is filled."""
    tab = page.get_by_role("tab", name=name, exact=True)
    tab.click()
    tab.and_(page.locator("[aria-selected=true]")).wait_for()
    settle(page)
    page.wait_for_function("() => !document.querySelector('#tabs .pending')")


def settle(page):
    """Wait until the page sends nothing more; one request, Gradio's, stays open."""
    before = -1
    while len(page.sent) != before:
        before = len(page.sent)
        page.wait_for_timeout(400)
