//! The indexer and the desk on the real local store and broker.

mod desk;
mod fixture;
mod pages;
