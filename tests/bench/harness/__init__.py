# SPDX-License-Identifier: Apache-2.0
"""What the benchmark programs share: processes, load, and tables of ratios."""
