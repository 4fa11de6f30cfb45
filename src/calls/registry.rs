//! Where registrations and running legs are kept, so that after a restart a phone can be called before it registers anew,
//! and a talk goes on.

use super::edge::{BindingChange, PortFuture, RegistryError, RegistryStore, StoredBinding, StoredLeg};
use super::rows;
use crate::log::Vault;
use crate::store::{Store, StoreError};

/// Registrations and legs in the database; legs are sealed.
pub struct StoredRegistry {
    store: Store,
    vault: Vault,
}

impl StoredRegistry {
    /// In this database.
    pub fn new(store: Store, vault: Vault) -> Self {
        Self { store, vault }
    }
}

impl RegistryStore for StoredRegistry {
    fn save(&self, changes: Vec<BindingChange>) -> PortFuture<'_, Result<(), RegistryError>> {
        let vault = self.vault.clone();
        Box::pin(async move {
            let done = self.store.write(move |tx| {
                Box::pin(async move {
                    for change in &changes {
                        match change {
                            BindingChange::KeepLeg(leg) => rows::live::keep_leg(tx, &vault, leg).await?,
                            BindingChange::DropLeg { call, leg } => rows::live::drop_leg(tx, *call, *leg).await?,
                            BindingChange::Put(_) | BindingChange::Remove { .. } => {
                                rows::change_binding(tx, change).await?;
                            }
                        }
                    }
                    Ok::<_, StoreError>(())
                })
            });
            done.await.map_err(|e| RegistryError(e.to_string()))
        })
    }

    fn load(&self) -> PortFuture<'_, Result<Vec<StoredBinding>, RegistryError>> {
        Box::pin(async move { rows::bindings(self.store.reader()).await.map_err(|e| RegistryError(e.to_string())) })
    }

    fn load_legs(&self) -> PortFuture<'_, Result<Vec<StoredLeg>, RegistryError>> {
        Box::pin(async move {
            rows::live::legs(self.store.reader(), &self.vault).await.map_err(|e| RegistryError(e.to_string()))
        })
    }
}
