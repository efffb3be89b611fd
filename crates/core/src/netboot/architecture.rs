//! Client system architectures, as option 93 carries them.

use std::fmt;

/// An architecture and boot method that has a boot file of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Architecture {
    /// 0: x86 with a BIOS.
    X86Bios,
    /// 7 and 9: x64 UEFI. Firmware announces either: RFC 4578 numbered them one way, the registry another.
    X64Uefi,
    /// 11: ARM 64-bit UEFI.
    Arm64Uefi,
    /// 16: x64 UEFI, booting over HTTP.
    X64UefiHttp,
    /// 19: ARM 64-bit UEFI, booting over HTTP.
    Arm64UefiHttp,
}

impl Architecture {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::X86Bios, Self::X64Uefi, Self::Arm64Uefi, Self::X64UefiHttp, Self::Arm64UefiHttp];

    /// From the number in option 93; none for those that no boot file can be given for.
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0 => Self::X86Bios,
            7 | 9 => Self::X64Uefi,
            11 => Self::Arm64Uefi,
            16 => Self::X64UefiHttp,
            19 => Self::Arm64UefiHttp,
            _ => return None,
        })
    }

    /// The key in `metadata.yaml`, and what templates see as `.Arch`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86Bios => "x86-bios",
            Self::X64Uefi => "x64-uefi",
            Self::Arm64Uefi => "arm64-uefi",
            Self::X64UefiHttp => "x64-uefi-http",
            Self::Arm64UefiHttp => "arm64-uefi-http",
        }
    }

    /// Whether the firmware fetches its boot file over HTTP.
    pub const fn is_http(self) -> bool {
        matches!(self, Self::X64UefiHttp | Self::Arm64UefiHttp)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
