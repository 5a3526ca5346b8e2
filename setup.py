"""Packaging; what is installed is in requirements.txt."""

from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def read_requirements() -> list[str]:
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


setup(
    name="hypernode",
    version="0.1.0",
    description="A hypernode for Bismuth: a masternode that keeps the network's proof-of-stake chain",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="GPL-3.0-or-later",
    packages=find_packages(include=["hypernode", "hypernode.*"]),
    package_data={"hypernode": ["py.typed", "*.json"], "hypernode.wire": ["*.proto", "*.pyi"]},
    python_requires=">=3.11",
    install_requires=read_requirements(),
    entry_points={"console_scripts": ["hypernode = hypernode.__main__:start"]},
)
