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
    mo.md("# Dashboard\n\nSign in, and the days appear. Each visitor reads what they may see.")


@app.cell
def _(mo, nbauth):
    panel = mo.ui.anywidget(nbauth.SignInPanel())
    panel
    return (panel,)


@app.cell
def _(api, mo, nbauth, panel):
    # Runs again when a visitor signs in or out.
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
