"""The dashboard of `dashboard.ipynb` as a marimo application: `marimo run dashboard.py`."""

import marimo

app = marimo.App()


@app.cell
def _():
    import os

    import marimo as mo

    import nbauth

    api = os.environ["NBAUTH_DEMO_API"]
    return api, mo, nbauth


@app.cell
def _(mo):
    mo.md("# Dashboard\n\nSign in, then press *Show*. Each visitor reads what they may see.")


@app.cell
def _(mo, nbauth):
    panel = nbauth.SignInPanel()
    mo.ui.anywidget(panel)
    return (panel,)


@app.cell
def _(mo):
    show = mo.ui.button(label="Show", value=0, on_click=lambda count: count + 1)
    show
    return (show,)


@app.cell
def _(api, mo, nbauth, panel, show):
    show.value  # each press runs this cell again
    mo.stop(not panel.signed_in, mo.md("Nobody is signed in."))
    df = nbauth.read(f"{api}/sunlight")
    df["day"] = df["time"].dt.strftime("%Y-%m-%d")
    days = df.drop_duplicates(["city", "day"])[["city", "day", "day_length_min"]].dropna()
    return (days,)


@app.cell
def _(days, mo):
    city = mo.ui.dropdown(sorted(days["city"].unique()), value="Zürich", label="City")
    city
    return (city,)


@app.cell
def _(city, days, mo):
    chosen = days[days["city"] == city.value]
    mo.ui.table(chosen, label=f"{len(chosen)} days", selection=None)


if __name__ == "__main__":
    app.run()
