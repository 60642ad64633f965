//! Replies, and their encoding in RESP2 and RESP3.

use redis_protocol::error::RedisProtocolError;
use redis_protocol::resp2::{encode as encode2, types::OwnedFrame as Frame2, types::Resp2Frame as _};
use redis_protocol::resp3::{
    encode::complete as encode3, types::OwnedFrame as Frame3, types::Resp3Frame as _,
};

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    Simple(&'static str),
    Error(String),
    Number(i64),
    Bulk(Vec<u8>),
    Null,
    List(Vec<Self>),
    /// Names and values: a map in RESP3, a flat list in RESP2.
    Pairs(Vec<(&'static str, Self)>),
    /// An out-of-band message: a push in RESP3, a list in RESP2.
    Push(Vec<Self>),
}

impl Reply {
    pub(super) fn ok() -> Self {
        Self::Simple("OK")
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Bulk(text.into().into_bytes())
    }

    pub(super) fn error(text: impl Into<String>) -> Self {
        Self::Error(text.into())
    }

    pub(super) fn count(count: usize) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// The reply as bytes, in this version of the protocol.
    pub(super) fn encode(self, version: u8) -> Result<Vec<u8>, RedisProtocolError> {
        let mut bytes;
        let written = if version == 3 {
            let frame = self.into_resp3();
            bytes = vec![0; frame.encode_len(false)];
            encode3::encode(&mut bytes, &frame, false)?
        } else {
            let frame = self.into_resp2();
            bytes = vec![0; frame.encode_len(false)];
            encode2::encode(&mut bytes, &frame, false)?
        };
        bytes.truncate(written);
        Ok(bytes)
    }

    fn into_resp2(self) -> Frame2 {
        let all = |items: Vec<Self>| Frame2::Array(items.into_iter().map(Self::into_resp2).collect());
        match self {
            Self::Simple(text) => Frame2::SimpleString(text.into()),
            Self::Error(text) => Frame2::Error(text),
            Self::Number(number) => Frame2::Integer(number),
            Self::Bulk(bytes) => Frame2::BulkString(bytes),
            Self::Null => Frame2::Null,
            Self::List(items) | Self::Push(items) => all(items),
            Self::Pairs(pairs) => {
                all(pairs.into_iter().flat_map(|(name, value)| [Self::text(name), value]).collect())
            }
        }
    }

    fn into_resp3(self) -> Frame3 {
        let all = |items: Vec<Self>| items.into_iter().map(Self::into_resp3).collect();
        let attributes = None;
        match self {
            Self::Simple(text) => Frame3::SimpleString { data: text.into(), attributes },
            Self::Error(data) => Frame3::SimpleError { data, attributes },
            Self::Number(data) => Frame3::Number { data, attributes },
            Self::Bulk(data) => Frame3::BlobString { data, attributes },
            Self::Null => Frame3::Null,
            Self::List(items) => Frame3::Array { data: all(items), attributes },
            Self::Push(items) => Frame3::Push { data: all(items), attributes },
            Self::Pairs(pairs) => {
                let pairs = pairs
                    .into_iter()
                    .map(|(name, value)| (Self::text(name).into_resp3(), value.into_resp3()));
                Frame3::Map { data: pairs.collect(), attributes }
            }
        }
    }
}
