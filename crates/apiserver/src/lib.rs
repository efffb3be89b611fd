//! A small Kubernetes-compatible API server, embeddable.
//!
//! It stores and serves the objects a bare-metal control plane needs (custom resources, Secrets,
//! Nodes, Leases, `CertificateSigningRequests`, RBAC …) over the same HTTP API as `kube-apiserver`, so that
//! `kubectl` and every client library work unchanged. It knows nothing of Machines: those arrive as a
//! `CustomResourceDefinition` like any other.
//!
//! The path of a request, and the module for each step:
//!
//! 1. [`server`]: TLS accept, HTTP/1.1 and HTTP/2, limits, graceful shutdown;
//! 2. [`auth`]: who asks (certificate, `ServiceAccount` token, bootstrap token), and may they (RBAC);
//! 3. [`rest`]: which verb on which resource; content types; Status errors;
//! 4. [`kinds`]: what the resource is: its schema, its strategy (defaults, validation), its columns;
//! 5. [`schema`], [`patch`], [`managed`]: pure functions over JSON: validation, patches, field ownership;
//! 6. [`store`]: the durable, revisioned key space and its watch streams.

pub mod auth;
pub mod controllers;
mod disruption;
pub mod error;
pub mod field;
pub mod kinds;
pub mod managed;
pub mod object;
pub mod openapi;
pub mod patch;
pub mod pki;
pub mod rest;
pub mod schema;
pub mod server;
pub mod store;
