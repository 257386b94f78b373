"""What clients asked of the two servers, when, and what they were told; and which promise that breaks, if any.

In the manner of Jepsen and Elle: clients write down each request before it is sent and its answer once they have it.
At the end the servers are read once more. The checker looks at nothing but these two, so it serves any deployment
and any fault. A request without an answer may have happened or not, and it does not matter which.
"""
