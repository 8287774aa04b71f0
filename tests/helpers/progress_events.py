"""The events of a training, one by one, as a listener gets them."""


def start(step=0, **values):
    common = {"event": "start", "step": step, "epoch": 0.0, "seconds": 0.0, "resumed": bool(step), "steps": 100}
    more = {"steps_per_epoch": 50, "unit": "characters", "units_per_token": 2.0, "parameters": 12345}
    more |= {"minutes": None, "first": 0, "longer": None}
    return common | more | {"processes": 1, "device": "cpu", "threads": 2} | values


def train(step, loss, **values):
    return {"event": "train", "step": step, "epoch": step / 50, "seconds": 1.0, "loss": loss} | values


def evaluate(step, loss, better=True):
    both = {"validation_loss": loss, "training_loss": 1.5, "best": loss, "better": better}
    return (
        train(step, loss) | {"event": "evaluate", "bits_per_character": loss / 0.7, "tokens_per_second": 1000.0} | both
    )


END = {
    "event": "end",
    "step": 100,
    "epoch": 2.0,
    "seconds": 3675.0,
    "reason": "patience",
    "best": 1.25,
    "best_step": 60,
    "learning": 0.9,
}


def tell(listen, *events):
    for event in events:
        listen(event)
