//! Templates, parsed once for each image.
//!
//! Invariants: what does not parse is remembered too, so that asking again costs nothing; the templates of an image go when
//! the image goes.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use metalman_core::template::{Template, TemplateError};

use crate::images::Image;

type Parsed = OnceLock<Result<Template, TemplateError>>;

/// The parsed templates of one image, by path.
#[derive(Debug, Default)]
struct OfImage {
    by_path: Mutex<BTreeMap<String, Arc<Parsed>>>,
}

/// An image's templates, as long as somebody has the image.
type Held = (Weak<Image>, Arc<OfImage>);

/// The parsed templates of the images in use, by digest.
#[derive(Debug, Default)]
pub(super) struct Templates {
    by_digest: Mutex<BTreeMap<String, Held>>,
}

impl Templates {
    /// The template at `path` of the image. The outer error is the disk's.
    pub(super) fn get(&self, image: &Arc<Image>, path: &str) -> io::Result<Result<Template, TemplateError>> {
        let parsed = self.of(image).slot(path);
        if let Some(parsed) = parsed.get() {
            return Ok(parsed.clone());
        }
        let text = image.open(path)?;
        // The functions look at the index; who renders holds the image.
        let files = Arc::downgrade(image);
        let file = move |path: &str| files.upgrade()?.info(path).cloned();
        Ok(parsed.get_or_init(|| Template::parse(path, &text, file)).clone())
    }

    fn of(&self, image: &Arc<Image>) -> Arc<OfImage> {
        let mut by_digest = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((held, templates)) = by_digest.get(&image.digest)
            && std::ptr::eq(held.as_ptr(), Arc::as_ptr(image))
        {
            return templates.clone();
        }
        by_digest.retain(|_, (image, _)| image.strong_count() > 0);
        let templates = Arc::<OfImage>::default();
        by_digest.insert(image.digest.clone(), (Arc::downgrade(image), templates.clone()));
        templates
    }
}

impl OfImage {
    fn slot(&self, path: &str) -> Arc<Parsed> {
        let mut by_path = self.by_path.lock().unwrap_or_else(PoisonError::into_inner);
        by_path.entry(path.to_owned()).or_default().clone()
    }
}
