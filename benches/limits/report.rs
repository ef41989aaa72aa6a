//! The table of figures, beside the targets.

use serde_json::{Value, json};

/// One figure.
#[derive(Debug, Clone)]
pub struct Figure {
    store: &'static str,
    name: String,
    value: f64,
    unit: &'static str,
    target: Option<Target>,
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// At least.
    AtLeast(u8, f64),
    /// At most.
    AtMost(u8, f64),
}

/// All figures of a run.
#[derive(Debug, Default)]
pub struct Report {
    figures: Vec<Figure>,
}

impl Report {
    /// Adds a figure without a target.
    pub fn add(&mut self, store: &'static str, name: impl Into<String>, value: f64, unit: &'static str) {
        self.push(Figure { store, name: name.into(), value, unit, target: None });
    }

    /// Adds a figure with its target.
    pub fn aim(
        &mut self,
        store: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        target: Target,
    ) {
        self.push(Figure { store, name: name.into(), value, unit, target: Some(target) });
    }

    fn push(&mut self, figure: Figure) {
        // At once, so that a run that is stopped has not been for nothing.
        println!("{}", figure.line());
        self.figures.push(figure);
    }

    /// Everything again, in one piece.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for targets in [true, false] {
            text.push_str(if targets { "\nAgainst the targets\n" } else { "\nAbsolute figures\n" });
            for figure in self.figures.iter().filter(|figure| figure.target.is_some() == targets) {
                text.push_str(&figure.line());
                text.push('\n');
            }
        }
        text
    }

    /// The same for machines.
    pub fn json(&self, about: &Value) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                json!({
                    "store": figure.store, "name": figure.name, "value": figure.value, "unit": figure.unit,
                    "target": figure.target.map(Target::number), "bound": figure.target.map(Target::text), "met": figure.met()
                })
            })
            .collect();
        json!({"about": about, "figures": figures})
    }
}

impl Target {
    fn number(self) -> u8 {
        match self {
            Self::AtLeast(number, _) | Self::AtMost(number, _) => number,
        }
    }
    fn text(self) -> String {
        match self {
            Self::AtLeast(_, bound) => format!(">= {bound}"),
            Self::AtMost(_, bound) => format!("<= {bound}"),
        }
    }
}

impl Figure {
    fn met(&self) -> Option<bool> {
        self.target.map(|target| match target {
            Target::AtLeast(_, bound) => self.value >= bound,
            Target::AtMost(_, bound) => self.value <= bound,
        })
    }

    fn line(&self) -> String {
        let value = match self.value {
            value if value.abs() >= 1_000.0 => format!("{value:.0}"),
            value if value.abs() >= 20.0 => format!("{value:.1}"),
            value => format!("{value:.2}"),
        };
        let verdict = match (self.target, self.met()) {
            (Some(target), Some(met)) => {
                format!("target {}: {:<9} {}", target.number(), target.text(), if met { "met" } else { "MISSED" })
            }
            _ => String::new(),
        };
        format!("{:<9} {:<62} {value:>10} {:<12} {verdict}", self.store, self.name, self.unit).trim_end().to_owned()
    }
}
