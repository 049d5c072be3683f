"""Formats in which other programs take findings: SARIF, GitLab's code quality, JUnit. They draw notices, whatever those
were made from: a report of a run, or a scan of source.
"""
