"""LISTEN for subscribers: who hears what, over how few connections, and what is waited for."""

from __future__ import annotations

from .announcing import ANNOUNCE_ROWS
from .change import Change
from .channels import Channels, Places
from .quota import SubscriptionQuota
from .subscriber import Subscriber

__all__ = ["ANNOUNCE_ROWS", "Change", "Channels", "Places", "Subscriber", "SubscriptionQuota"]
