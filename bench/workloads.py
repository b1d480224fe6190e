# SPDX-License-Identifier: Apache-2.0
"""W0 to W10 by name, in the order in which they are measured: those that empty the stores come last."""
from cached import w0, w1, w2, w3
from copies import w5, w10
from remote import w6, w7
from steps import w4, w8, w9

ALL = {"w0": w0, "w1": w1, "w2": w2, "w3": w3, "w4": w4, "w8": w8, "w9": w9, "w10": w10, "w5": w5, "w6": w6, "w7": w7}
