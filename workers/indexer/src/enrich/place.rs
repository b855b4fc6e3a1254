//! A place: read from a file's record, written into a document.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Place of an address, with the field names of Logstash's filter `geoip`, so that old dashboards work.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Place {
    ip: IpAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Point>,
    #[serde(skip_serializing_if = "Option::is_none")]
    latitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    longitude: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    city_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    region_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_name: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    country_code2: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    continent_code: Option<Box<str>>,
}

/// Degrees in the format of `geo_point`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
struct Point {
    lat: f64,
    lon: f64,
}

/// The used part of a record in a file of cities or countries, with English names.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Record {
    city: Area,
    subdivisions: Vec<Area>,
    country: Area,
    continent: Area,
    location: Coordinates,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Area {
    names: Names,
    iso_code: Option<Box<str>>,
    code: Option<Box<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Names {
    en: Option<Box<str>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Coordinates {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl Record {
    /// Returns the place of `ip`; `None` if the record has no used field.
    pub(super) fn place(self, ip: IpAddr) -> Option<Place> {
        let location = self.location.point();
        let place = Place {
            ip,
            location,
            latitude: location.map(|point| point.lat),
            longitude: location.map(|point| point.lon),
            city_name: filled(self.city.names.en),
            region_name: self.subdivisions.into_iter().next().and_then(|region| filled(region.names.en)),
            country_name: filled(self.country.names.en),
            country_code2: filled(self.country.iso_code),
            continent_code: filled(self.continent.code),
        };
        (place != Place::nowhere(ip)).then_some(place)
    }
}

impl Place {
    fn nowhere(ip: IpAddr) -> Self {
        Self {
            ip,
            location: None,
            latitude: None,
            longitude: None,
            city_name: None,
            region_name: None,
            country_name: None,
            country_code2: None,
            continent_code: None,
        }
    }
}

impl Coordinates {
    /// Returns the point if valid: a search engine refuses a whole document for degrees out of range.
    fn point(&self) -> Option<Point> {
        let (lat, lon) = (self.latitude?, self.longitude?);
        ((-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon)).then_some(Point { lat, lon })
    }
}

fn filled(text: Option<Box<str>>) -> Option<Box<str>> {
    text.filter(|text| !text.is_empty())
}
