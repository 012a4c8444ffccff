"""Routes of search: offers, shops, suggestions while typing, what one searched for and what many did."""

from typing import Any

from marshmallow import fields
from sqlalchemy import text

from app.core.search.ranking import Sort
from app.core.search.statements import shape_of, suggestions_statement, word_params
from app.kernel.actor import Actor
from app.kernel.transaction import read
from app.usecases.finding.recent import KEPT_MAX, PEOPLE_MIN, POPULAR_DAYS, forget_searches, remember_search
from app.web.door import Door
from app.web.fields import Body, Choice, Instant, Int, Many, Query, Text
from app.web.finding import around, asked_of, place_of, results
from app.web.finding_schemas import (
    FoundOffersOut,
    FoundShopsOut,
    NearAddressQuery,
    OwnOfferSearchQuery,
    OwnShopSearchQuery,
    PointQuery,
    SuggestionSource,
)
from app.web.policy import Relation, policy

SUGGESTED_M_MAX = 5_000
"""How far what is suggested may be sold."""

_RECENT = text(
    """
    SELECT words, searched_at FROM recent_searches WHERE account_id = :account_id
    ORDER BY searched_at DESC LIMIT :limit
    """
)
_POPULAR = text(
    """
    SELECT words, count(*) AS people_count FROM recent_searches
    WHERE searched_at > business_now() - :days * interval '1 day'
    GROUP BY words HAVING count(*) >= :people_min ORDER BY count(*) DESC, words LIMIT :limit
    """
)


class SuggestionsQuery(PointQuery, NearAddressQuery):
    """What was typed so far."""

    words = Text(high=60, required=True)
    limit = Int(low=1, high=20, load_default=10)


class SuggestionOut(Body):
    """What might be meant, and how we know: one searched for it, many did, or somebody near sells it."""

    words = Text(high=200, required=True)
    source = Choice(SuggestionSource, required=True)


class SuggestionsOut(Body):
    """The likeliest first."""

    items = Many(fields.Nested(SuggestionOut), high=20, required=True)


class RecentSearchIn(Body):
    """Words that one searched for."""

    words = Text(high=60, required=True)


class ForgetQuery(Query):
    """Which words to forget; all, when none are named."""

    words = Text(high=60, load_default=None)


class RecentSearchOut(Body):
    """What one searched for, and when last."""

    words = Text(high=200, required=True)
    searched_at = Instant(required=True)


class RecentSearchesOut(Body):
    """The newest first."""

    items = Many(fields.Nested(RecentSearchOut), high=KEPT_MAX, required=True)


class PopularQuery(Query):
    """How many."""

    limit = Int(low=1, high=50, load_default=20)


class PopularSearchOut(Body):
    """Words, and how many people searched for them within a week."""

    words = Text(high=200, required=True)
    people_count = Int(low=PEOPLE_MIN, high=2**53, required=True)


class PopularSearchesOut(Body):
    """The most sought first."""

    items = Many(fields.Nested(PopularSearchOut), high=50, required=True)


def add_finding(door: Door) -> None:
    """Add the routes to ``door``."""

    @door.get("/search/offers", query=OwnOfferSearchQuery, answer=FoundOffersOut)
    @policy("offer.read", Relation.OWN)
    def search_offers(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Search what shops near an address or a point sell and have: by words, pinyin or initials, or by category.

        The order is the same for everybody who asks there at this moment; advertised results are marked.
        """
        return results(actor, query, is_of_shops=False)

    @door.get("/search/shops", query=OwnShopSearchQuery, answer=FoundShopsOut)
    @policy("shop.read", Relation.OWN)
    def search_shops(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Search shops near an address or a point, by their name or by what they sell."""
        return results(actor, query, is_of_shops=True)

    @door.get("/search/suggestions", query=SuggestionsQuery, answer=SuggestionsOut)
    @policy("search.read", Relation.OWN)
    def suggest(actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """Suggest what might be meant by what was typed so far."""
        place, asked = place_of(actor, query), asked_of(query["words"])
        assert asked is not None, "words are required"
        shape = shape_of(asked, sort=Sort.RELEVANCE, has_category=False, is_almost=False)
        params = {
            **word_params(asked, shape, is_almost=False),
            **around(place, SUGGESTED_M_MAX),
            "moment": None,
            "account_id": actor.account_id,
            "reading": "|".join(f"^({one})" for term in asked.terms[:1] for one in term.readings) or None,
            "days": POPULAR_DAYS,
            "people_min": PEOPLE_MIN,
            "limit": query["limit"],
        }
        return {"items": [dict(row._mapping) for row in read(suggestions_statement(shape), params)]}

    @door.get("/recent-searches", answer=RecentSearchesOut)
    @policy("search.read", Relation.OWN)
    def list_recent_searches(actor: Actor) -> dict[str, Any]:
        """List what one searched for, newest first."""
        rows = read(_RECENT, {"account_id": actor.account_id, "limit": KEPT_MAX})
        return {"items": [dict(row._mapping) for row in rows]}

    @door.put("/recent-searches", body=RecentSearchIn, status=204)
    @policy("search.write", Relation.OWN)
    def put_recent_search(actor: Actor, *, body: dict[str, Any]) -> None:
        """Remember a search; the oldest of more than thirty is forgotten. A search alone leaves nothing behind."""
        remember_search(actor.account_id, words=body["words"])

    @door.delete("/recent-searches", query=ForgetQuery, status=204)
    @policy("search.write", Relation.OWN)
    def delete_recent_searches(actor: Actor, *, query: dict[str, Any]) -> None:
        """Forget a search, or all of them."""
        forget_searches(actor.account_id, words=query["words"])

    @door.get("/popular-searches", query=PopularQuery, answer=PopularSearchesOut)
    @policy("search.read", Relation.SIDE)
    def list_popular_searches(_actor: Actor, *, query: dict[str, Any]) -> dict[str, Any]:
        """List what at least five people searched for within a week."""
        params = {"days": POPULAR_DAYS, "people_min": PEOPLE_MIN, "limit": query["limit"]}
        return {"items": [dict(row._mapping) for row in read(_POPULAR, params)]}
