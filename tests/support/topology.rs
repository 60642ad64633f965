//! The RabbitMQ topology that the standard checklist expects, and changes that make it wrong.

use serde_json::{Value, json};

/// Exchanges, queues and bindings to declare in one virtual host.
#[must_use]
#[derive(Clone)]
pub struct Topology {
    exchanges: Vec<(String, String)>,
    queues: Vec<Queue>,
    bindings: Vec<(String, String, String)>,
}

#[derive(Clone)]
struct Queue {
    name: String,
    durable: bool,
    arguments: Value,
}

impl Topology {
    /// The default names: `advanced.board.events` and `boards.activity`.
    pub fn standard() -> Self {
        Self::named("advanced.board.events", "boards.activity")
    }

    /// The same topology under other names: `<base>`, `<base>.retry` and `<base>.dlq`.
    pub fn named(base: &str, key: &str) -> Self {
        let mut topology = Self { exchanges: vec![], queues: vec![], bindings: vec![] };
        for suffix in ["", ".retry", ".dlq"] {
            let name = format!("{base}{suffix}");
            topology.exchanges.push((name.clone(), "topic".to_owned()));
            topology.queues.push(Queue { name: name.clone(), durable: true, arguments: json!({}) });
            topology.bindings.push((name.clone(), name, format!("{key}{suffix}")));
        }
        topology.retry_ttl(5000).dead_letter(base, key)
    }

    /// Sets the `x-message-ttl` of the retry queue, in milliseconds.
    pub fn retry_ttl(mut self, ms: u64) -> Self {
        self.retry_queue()["x-message-ttl"] = json!(ms);
        self
    }

    /// Sets the dead-letter target of the retry queue.
    pub fn dead_letter(mut self, exchange: &str, routing_key: &str) -> Self {
        self.retry_queue()["x-dead-letter-exchange"] = json!(exchange);
        self.retry_queue()["x-dead-letter-routing-key"] = json!(routing_key);
        self
    }

    /// Sets the type of one exchange, such as `direct`.
    pub fn exchange_type(mut self, exchange: &str, kind: &str) -> Self {
        self.exchanges
            .iter_mut()
            .filter(|(name, _)| name == exchange)
            .for_each(|e| kind.clone_into(&mut e.1));
        self
    }

    /// Makes one queue transient.
    pub fn transient_queue(mut self, queue: &str) -> Self {
        self.queues.iter_mut().filter(|q| q.name == queue).for_each(|q| q.durable = false);
        self
    }

    /// Removes one queue and its bindings.
    pub fn without_queue(mut self, queue: &str) -> Self {
        self.queues.retain(|q| q.name != queue);
        self.without_binding(queue)
    }

    /// Removes one exchange and its bindings.
    pub fn without_exchange(mut self, exchange: &str) -> Self {
        self.exchanges.retain(|(name, _)| name != exchange);
        self.bindings.retain(|(source, ..)| source != exchange);
        self
    }

    /// Removes the bindings of one queue.
    pub fn without_binding(mut self, queue: &str) -> Self {
        self.bindings.retain(|(_, destination, _)| destination != queue);
        self
    }

    /// The definitions that the management API imports.
    pub fn definitions(&self) -> Value {
        let exchange = |(name, kind): &(String, String)| {
            json!({"name": name, "type": kind, "durable": true, "auto_delete": false, "internal": false,
                   "arguments": {}})
        };
        let queue = |q: &Queue| json!({"name": q.name, "durable": q.durable, "auto_delete": false, "arguments": q.arguments});
        let binding = |(source, destination, key): &(String, String, String)| {
            json!({"source": source, "destination": destination, "destination_type": "queue",
                   "routing_key": key, "arguments": {}})
        };
        json!({
            "exchanges": self.exchanges.iter().map(exchange).collect::<Vec<_>>(),
            "queues": self.queues.iter().map(queue).collect::<Vec<_>>(),
            "bindings": self.bindings.iter().map(binding).collect::<Vec<_>>(),
        })
    }

    fn retry_queue(&mut self) -> &mut Value {
        let queue = self.queues.iter_mut().find(|q| q.name.strip_suffix(".retry").is_some());
        &mut queue.expect("a retry queue").arguments
    }
}
