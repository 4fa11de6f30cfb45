//! Where registrations are kept, so that after a restart a phone can be called before it registers anew.

use super::edge::{BindingChange, PortFuture, RegistryError, RegistryStore, StoredBinding};
use super::rows;
use crate::store::{Store, StoreError};

/// Registrations in the database.
pub struct StoredRegistry(pub Store);

impl RegistryStore for StoredRegistry {
    fn save(&self, changes: Vec<BindingChange>) -> PortFuture<'_, Result<(), RegistryError>> {
        Box::pin(async move {
            let done = self.0.write(move |tx| {
                Box::pin(async move {
                    for change in &changes {
                        rows::change_binding(tx, change).await?;
                    }
                    Ok::<_, StoreError>(())
                })
            });
            done.await.map_err(|e| RegistryError(e.to_string()))
        })
    }

    fn load(&self) -> PortFuture<'_, Result<Vec<StoredBinding>, RegistryError>> {
        Box::pin(async move { rows::bindings(self.0.reader()).await.map_err(|e| RegistryError(e.to_string())) })
    }
}
