"""Random scenarios."""
import random

NAMES = ("ada", "ben", "eve")
LONGEST_WAIT = 0.15


def scenario(seed: int) -> dict:
    """The scenario of a seed: the steps of scenarios.json in a random order."""
    choose = random.Random(seed)
    return Generator(choose).scenario(seed)


class Generator:
    def __init__(self, choose: random.Random) -> None:
        self.choose = choose
        self.chats = choose.randint(1, 4)
        self.names = NAMES[:choose.randint(1, len(NAMES))]
        # What is down, or not a member, and must not be asked for anything.
        self.down: set[str] = set()
        self.removed: set[tuple[str, int]] = set()
        self.unfollowed: set[tuple[str, int]] = set()
        self.steps: list[dict] = []

    def scenario(self, seed: int) -> dict:
        kinds = {
            self.send: 8, self.post: 5, self.wait: 4, self.toggle_server: 3, self.toggle_client: 2, self.disturb: 4,
            self.tamper: 3, self.weaken_token: 1, self.toggle_member: 1, self.toggle_follow: 1,
            self.decide: 1, self.renew: 0.5,
        }
        for _ in range(self.choose.randint(8, 20)):
            self.choose.choices([*kinds], [*kinds.values()])[0]()
        return {
            "name": f"random {seed}", "chats": self.chats,
            "clients": {name: self.client() for name in self.names},
            "steps": self.steps,
        }

    def client(self) -> dict:
        return {"after": self.choose.choice([0, 0, None]), "inbox": self.choose.random() < 0.7}

    def add(self, **step) -> None:
        self.steps.append(step)

    def name(self) -> str:
        return self.choose.choice(self.names)

    def chat(self) -> int:
        return self.choose.randint(1, self.chats)

    def send(self) -> None:
        if (name := self.name()) not in self.down:
            invalid = {"invalid": True} if self.choose.random() < 0.05 else {}
            self.add(send=self.choose.randint(1, 4), client=name, chat=self.chat(), **invalid)

    def post(self) -> None:
        if "server" not in self.down:
            self.add(post=self.choose.randint(1, 5), chat=self.chat())

    def wait(self) -> None:
        self.add(wait=round(self.choose.uniform(0, LONGEST_WAIT), 3))

    def toggle_server(self) -> None:
        self.toggle("server")

    def toggle_client(self) -> None:
        self.toggle(self.name())

    def toggle(self, name: str) -> None:
        if name in self.down:
            self.add(start=name)
        elif self.choose.random() < 0.2:
            self.add(stop=name)
        elif name != "server" and self.choose.random() < 0.5:
            self.add(kill=name, at_once=True)
        else:
            self.add(kill=name)
        self.down ^= {name}

    def disturb(self) -> None:
        name = self.name()
        kind = self.choose.choice(["refuse", "stall", "cut", "cut", "fine", "fine", "vanish", "delay", "delay"])
        if kind == "delay":
            self.add(delay=self.choose.choice([0, 0.02, 0.1]), client=name)
        elif kind != "vanish" or self.choose.random() < 0.2:
            self.add(network=kind, client=name)

    def tamper(self) -> None:
        kind, name = self.choose.choice(["lose", "reject", "tamper", "tamper"]), self.name()
        if kind == "lose":
            self.add(lose=self.choose.randint(1, 2), client=name)
        elif kind == "reject":
            after = 1 if self.choose.random() < 0.1 else 0
            self.add(reject=self.choose.choice([408, 429, 500, 502, 503]), client=name, retry_after=after)
        else:
            kinds = self.choose.choices(["repeat", "drop", "swap"], k=self.choose.randint(1, 4))
            self.add(tamper=kinds, client=name)

    def weaken_token(self) -> None:
        name = self.name()
        if self.choose.random() < 0.5 and "server" not in self.down:
            self.add(revoke=name)
        else:
            self.add(token=self.choose.choice(["short", "expiring", "none"]), client=name)

    def toggle_member(self) -> None:
        if "server" in self.down:
            return
        member = (name, chat) = self.name(), self.chat()
        if member in self.removed:
            self.add(add=name, chat=chat)
        else:
            self.add(remove=name, chat=chat)
        self.removed ^= {member}

    def toggle_follow(self) -> None:
        followed = (name, chat) = self.name(), self.chat()
        if name in self.down or any(member[0] == name for member in self.removed):
            return
        if followed in self.unfollowed:
            self.add(follow=chat, client=name)
        else:
            self.add(unfollow=chat, client=name)
        self.unfollowed ^= {followed}

    def decide(self) -> None:
        """What a user does about messages that failed."""
        if (name := self.name()) not in self.down:
            self.steps.append({self.choose.choice(["retry", "discard"]): name})

    def renew(self) -> None:
        self.add(epoch="renew")
