"""Service points on a map."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from app.usecases.shelving.closures import close_store
from tests.factories import a_claim, a_resident, a_store_clerk
from tests.factories.places import Community, a_community
from tests.factories.tills import a_store_manager, a_till
from tests.support.ladder import Case, Endpoint

if TYPE_CHECKING:
    from flask.testing import FlaskClient

    from tests.support.business_clock import BusinessClock


def nearest(client: FlaskClient, place: Community) -> Any:
    query = {"lat": str(place.lat), "lng": str(place.lng), "limit": "1"}
    answer = client.get("/user/v1/service-points", query_string=query, headers=a_resident().headers).get_json()
    assert answer["type"] == "FeatureCollection"
    [feature] = answer["features"]
    return feature


class TestServicePoints(Endpoint):
    def case(self) -> Case:
        return Case(a_resident(), "/user/v1/service-points", query={"lat": "39.9", "lng": "116.4"})

    def test_the_nearest_store_is_a_point_with_longitude_first(self, client: FlaskClient) -> None:
        place = a_community()

        feature = nearest(client, place)

        assert feature["geometry"] == {"type": "Point", "coordinates": [place.lng, place.lat]}
        assert feature["properties"]["store_id"] == str(place.store_id)
        assert feature["properties"]["closed_until"] is None

    def test_it_says_whether_a_desk_is_open_and_until_when_the_store_is_closed(
        self, client: FlaskClient, clock: BusinessClock
    ) -> None:
        place, now = a_community(), clock.now()
        before = nearest(client, place)["properties"]["has_open_desk"]
        a_till(a_store_clerk(place.store_id))
        manager = a_store_manager(place.store_id)
        until = now + timedelta(days=1)
        close_store(
            manager.actor, a_claim(manager), store_id=place.store_id, from_at=now - timedelta(hours=1), until_at=until
        )

        told = nearest(client, place)["properties"]

        assert (before, told["has_open_desk"]) == (False, True)
        assert told["closed_until"][:16] == until.isoformat()[:16]
