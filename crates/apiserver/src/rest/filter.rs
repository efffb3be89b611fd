//! Which objects a list or watch is about: label and field selectors over stored objects.
//!
//! Labels and names are known without parsing; only selectors over other fields read the object.

use std::sync::Arc;

use super::{answer::served, options::ListOptions};
use crate::{
    error::ApiError,
    kinds::{
        Resource,
        selector::{FieldSelector, LabelSelector},
    },
    store::Stored,
};

/// The selectors of one request.
#[derive(Clone)]
pub(super) struct Filter {
    resource: Arc<Resource>,
    labels: LabelSelector,
    fields: FieldSelector,
}

impl Filter {
    /// Checks that the kind has every field that is selected by.
    pub(super) fn new(resource: &Arc<Resource>, options: &ListOptions) -> Result<Self, ApiError> {
        options.fields.check(resource)?;
        Ok(Self { resource: Arc::clone(resource), labels: options.labels.clone(), fields: options.fields.clone() })
    }

    /// Selects by a field that needs the object parsed, which makes long lists slow work.
    pub(super) fn parses(&self) -> bool {
        self.fields.reads_objects()
    }

    /// Whether the object is selected.
    pub(super) fn matches(&self, stored: &Stored) -> bool {
        self.labels.matches(&stored.labels)
            && self
                .fields
                .matches_key(&stored.key.namespace, &stored.key.name)
                .unwrap_or_else(|| self.fields.matches(&self.resource, &served(&self.resource, stored)))
    }

    /// The one object this can only be, by name.
    pub(super) fn single_name(&self) -> Option<&str> {
        self.fields.required("metadata.name")
    }

    /// The namespace this can only be in.
    pub(super) fn single_namespace(&self) -> Option<&str> {
        self.fields.required("metadata.namespace")
    }
}
