import pytest
from app.core.orders.states import OrderState
from app.core.orders.models import Fulfillment
from tests.factories import an_order
from tests.support.worker import run_worker, run_jobs

@pytest.mark.parametrize("state", list(OrderState))
def test_it(client, app, state):
    o = an_order(state=state)
    assert o.state is state
    run_worker(app)
    r = client.get(f"/user/v1/orders/{o.order_id}", headers=o.resident.headers)
    assert r.status_code == 200, r.text

def test_pick(client, app, clock):
    o = an_order(state=OrderState.COMPLETED, fulfillment=Fulfillment.STORE_PICKUP)
    assert o.state is OrderState.COMPLETED
    clock.ahead(minutes=20)
    run_worker(app); run_jobs(app)
