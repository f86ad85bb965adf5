/** Frames that the zstd tool made, with all that its levels use: Huffman tables in both forms, FSE tables new, usual and repeated, several blocks. */

interface Sample {
  readonly text: () => string
  readonly frame: Buffer
}

/** Little comes twice. */
function records(): string {
  let state = 12345
  const rows = Array.from({ length: 60 }, () => {
    state = Number((BigInt(state) * 1103515245n + 12345n) & 0x7fffffffn)
    const model = state & 4096 ? 'fraud' : 'credit-risk'
    return `{"id":"${state.toString(16)}","model":"${model}","score":0.${(state >> 8) % 10007}}`
  })
  return rows.join('\n')
}

/** Three blocks of what comes again and again. */
function pattern(): string {
  return Array.from({ length: 18_000 }, (_, row) => `{"id":${row >> 6},"n":${(row * 7) % 13}}`).join('\n')
}

const sample = (text: () => string, lines: readonly string[]): Sample => ({ text, frame: Buffer.from(lines.join(''), 'base64') })

export const ZSTD_SAMPLES: readonly Sample[] = [
  sample(records, [
    'KLUv/QRILRQAVixoGHArSAf+SEJTgrEkVP/vgGEYJgzz+O8bcGwAXQBdAIjW1s2LmIjpVTfe8gYvk12oaCad+Z6wdL593NTSiid0HrVSrD0/ZCN3j8vsR6JN',
    'PYd4pHMGCwUKAgwFPhT6PckkiSAgvIBwAHhI3RkQAmIoJPQCEUB4Ays8QUAcDE9AIAKIkTjtdQQB4QWEQ8OtGHOl9jia+fLGsqVNtlZGhdCHaUxmhrmgJ5mp',
    'DXouZK4YIjtMXF38/1QdJsnILGmfDn8zy/nGbixqBxWziYi3vCs5Mm2lFmuu7qwS64+u1JAGFWNwUtP5uRgcC2xbfOWqOsZU4hndj3NlsbjXeUeIhZ5KkiDO',
    'aZFFcaumucVgusL5/3KMcngkv1Pd6nkV9GOJ1irElUaE+8VI5U/SqBes2WbzhXY2giMLMrzDQWISEiyl1fXBQSvyCQ9FlP6D3xGNCu1+DKoZHkT4dIaIxWGR',
    'Jms6nYcyUKuUJf+fxq7lZijLjPd96W1R8qxrFVexC+tuqlrNZ/UrKtEWh2rf7hkmrQqpoYmlyX4V7ZZDdTxkZDBTyQKAkajRkHFeME4v+2cwY2rjBhJYTAUs',
    'IqiECLaYJhJ978JFV4Jz7qx79mBHggGZ74k5+2Nwyvk/5hIsb1GgNcyO/sh+Ai6RVwHr9J3N0r8YakTp7/1nOVVyllZ0MmVGkwTbt8K8pUiqpEsRcoAbcPXU',
    'LtWgEVH5AC/3ZKhEhFJBLb8+KQZcFI5GDZ91N2iiglJP9Tehp37yc7EOca4np7ux6gUE/8QpxgNbCW7FSRPojxn9Ng0C9YcT5YiUJtROLrjSn7f/UNbG9fR1',
    'bkIPf9NSSM5NdC188uOtMh9INFEBumJVAbaDRg==',
  ]),
  sample(records, [
    'KLUv/QRobRIAlq1qHHAnSR7B6zhDiBoyaa2b/h+O3YwsSUaPQ1UWoAhvAF4AXgCUmoSbBZ3uv3Fj8P75JzHD0pd4zGQyaEWUhBm7bko9CJHTyxNdJ1xsx1gH',
    'NdXRIPaXmWCNjhqEP5YSDkg4KAQwcEBKYTTJuskCkCB1ScAYDKWAMBKGgoEc4EIPBgOBQhAKDAVDydMghoPBQA4GBAF0+lkRKuREITS9fhnMmEiXY8bN2g7p',
    'p06I64aoHJmTrLrTK9UshlCUmSUutiG6m/LM8FlDg7SlA7WQvstL6vExLkxzSwna/PG4vDtZUvN2bG+ERzzLW2Oh6VUpUegVx7fGuERVSyGrPF5hE+Ej3lLs',
    'F0ci1oWiTpbOT6gihbjV01xRuDBLEO7GpEriktyk7HAViYlqusvf0Cm2vKpvCxrLpqxCBGuOwzpcavthHc1LirojnuzFNTU3rdUlAQmsKkkXbvJf2Q+7lDI6',
    'Epeqdx3vv8CLvNlTGomfcjVTnuxuo0MxBokq7Y63yVbffvCGrfK/+iFujFFmq9msBIXlb19UB+7iPWt1Su83lzfbJgY5SipDLkNDz9QKd6gRIAxJFUK97Hcg',
    'KZ7qEhhBABszCOHfzIggP9K1KefmXNsDKdqIsMyjFFF2xbez6P5QRvgaWeo2E3/FalUQ7meLQGEUa8cfp7TyzVTO8H1Q2SIZm/UsNpAo1clWKuNKm0khoLeq',
    'ec39vVozBBsp67Q1+y3nFRbHGFEpb2jQEMwBjuRSqHIFlS+rnmm9OUuSIv1hTFNe0QydnsvkCQpgVQG2g0Y=',
  ]),
  sample(pattern, [
    'KLUv/QRIBDcARmdNFLAlhQPMCt3DKGx7V0REYvRIRgYBSQBGAEYA2yZJnEl8LmeDZmZmZmZERERERCIiIiIi4v////9t27Zt223btm1bkiRJkuS2bdu2TZIk',
    'SZI0XK44E8WgYCgQBggAQ4EQIEAgCB48ePDMjIhIRMT/23ZbktwmSUOHDp2ZERGJiPh/225bktw2SQMHDhw4MyIiEfH/tt22JLltkjRs2LBhMzMiEhHx37bb',
    'kmQzIiIREf9v221LctskDTLIIIPMjIhIRMT/23bbkuS2SdIQQwwxMyMiERH/bbttSXLbJGn48OHDZ2ZERCLi/223Lcltk6Qhtt22JLlNkoYNGzYzIyIREf9v',
    '221LktsmSYMGDRo0MyIiEfH/ttuWJLdNkjiT+Kxy0MyMiEhExH/bbkuS2yRpmGGGGWYmipyoVPnu/QKDHwEgQBEAFEBdEwALYkKMABVeNfH/QnwfO4wDxf+Q',
    '9on+O/cuMS720nUMF43cM72b8FubESZ8pL9xuO6qGGULetGXpvwhxTc48kMQaRdyR0qVu6IOTkuqzuC9CrWy3J3pe4sBJZdBemRE5FC5a/Eb1j60G/AKNJ5v',
    'Zrj2lH5rKlEAyXc/8Q2dx8hcSTUW8t1nFDFZRvMbIog43UXAuo7pop1/qFnJd5+R59qP9DfOk6b67t2+F3k15w/Rb2/dJcXib03ndNnKP6C7YWtF0F6FWn+u',
    'yQQ823vY7dK7kpYgO+NLe57vTXX9OgYI/4Ia43cfRsGIw5dohf7m8yVE5ztQGG0LkgnqrqV/oPbQtsA3aDm+WcFaB/pvSWMgmO/24DY4XpH2YpQtyruPMGqy',
    'iOI3QCHE5C4SNTujS0P+0GYVQM4cO6DHHZFPBUDAtcYK+F6+s4Kb8b8JeAYO0v+TifBHmpK2RajFCZW/6duKL0NdMmKLeFnMnWOoCrIr/8CSoQsPdWnAVsE9',
    'lFUlpABf0K3egzsjGor/h4vj9zHWVqQdaGl3mQ0bqIfuivJXD9gqGAvSDCzh5ufDNkWHXtRddXIzwB3m45M+8KQfCPNC//Z3dRsZVEQd+qsB64OY741WQ79q',
    'NGtbgKnQOvQvFbzR7VZHbId2sGS2EzRCAWiok03aD0W5i4IPtWKr+nHn8CdrpPskWCYrwtSHh9bMZEOiDd8+uET6gCCnwPswcD0MeQ8F3p1yr9B0DZu6PW7D',
    'CET6sRBW/gu0ineoceMRV4ESCF+H/uWv9G/iYGH10L9SXA5l91asDu1LpbGvCWeh1dBPLWKGdoueuQ3dwZTVDbhJCqehRrKoH1LNL1Q+lLzKYJ8ZtwYMeQ8H',
    '2ZjnigixH/2qUFqn1VLLNbQ37thIPbAQN0gJvPi/pFvdBxqapGFLu5vZsIKQPhqAyn9B1/INZdxgpCpSAyHr0Gf9i3ydmCy0GvpXiFdD2P3F1qF9qSR2NcVZ',
    'WD20gYk++KRPDDgF2CjlSrwxoxC6BS7FRrMiTO7QgeL4fci9XagydAtcVrBU9L9okEpM4zbcf4l+PfSOlfNKUEnRXJBaar83jt+HmB9q1hLORfHrUkZIdzmU',
    'u684ek2GUqhy+0A5r0TSUDTYDxNDmTPOjQnp4cB7YOilUJvUkE/xP1BvhxqJpOFgNIRG3VCLTG0nbJUC4QztWwXLxXoXfauhXyWiIFkzSIY/9C8FLGrbpNBW',
    'SImKpYIFafsAGZquWf4bnygBQZE+EUDDKrJiHBjagMgS58aE9HDgPRj4Hgp4t0JHpTr2l6hV/AuGzgRhlP+JdOHx0D4GJ2YBKhoyDS3+H9Kt9MrWhKGPSHeg',
    'JiqQuRsKLVEtI9+RtLmhiCLNshJgNvo5FCnROgDiotSSh3YmKb2l4krP2iEt82DIeyjwPgxcD8PZKCG9u1D7RwmFotd1XiMl2pJI7Q9ZA2RoWuZu2R42wQIj',
    '3XxAC/8LupU31PTBCVugFQSph/7tK/q3cqjoOrRbEtwGd98Lq4f+1fLUtgRjoXXo3wo4I7eljtQMLXiiTzzpB88U4/RzwkCUH0SEql32jpkJi8b9UGO6rJ8W',
    'Bn6+IJ1HoyVSQs4/eGjWRDqi0njtiUH6eAAJRmSJcWDolzggj8q6aeWRIl1LMFXG38MYmqx5l0bB1aDbobFHlq+oD58HSzHPKlL7FpkpQrDlXJEyMvEXviwL',
    'LNE/9zIS8QKf/4dwLFHkETNKhb5xvcnphI3ixXzyTIooi7pUfEOKylBFYUvKoUr/DaApBs+BrVfSf97IC/egWFBLDtG2JxnOFd1P8eHJH8HWJzGzLyeR4l/V',
    '/5G9PzGxIhKJ4owBivGWP59hxwsLxW2yUWvGIbj3yueHdrykiwHxvEMHcOsHsI2B1wsHIc2mUdz9/w9UMACXNFdfAFgAUAD/bbstSW6TpCGGGGJmRkQkIuL/',
    'bbttSXLbJA0fPnz4zIiIRMT/23bbkuS2SdLgwYMHz8yISETEf9tuS5LbJklDhw4dOjMjIhIR8f+225bktkkaOHDgwJkZEZGIiP8HCNu2bdu2bdu2bdu2bdu2',
    'bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdtmZkQkIuK/bbctSW6bJA0zzDDDzMyIiETE/9tuW5LbJkmDDDLIIDMzIiIREQ/btm3btm3btm3btm3btm3b',
    'tm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3bAtu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2',
    'bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bdu2bQGI3KikNP/jv38BFEBGDwEpfJ0EahiX8f+/HzEnAbut6SAlXXIU',
    'zO1gxjSmAFsEtz0GQrY50KLdFrVPyomXgNg+mvVF1S+lum0e1XyiFOW20QWUQWvvetwq73SS+HJ0W62eS2C7/ErcXhiI90NB1XZLvTvfMEIsq9uSD/isU0FZ',
    '3MZc7NkBrslyW8LC2V7BjLe9PdHzyyUkxO1MbRuHNAlvtxTpgj7hNdy2WxfFxytHKG6jsW16bJnXthqARbixqXy3ZizE6fhE0tbRLHerbDeh2zV7UaiDYw/d',
    'brySg0wLbm21ls4PwlUeux0IAbyPcXrttuBLRB/1Agi3ObNMuSBXdNwahALgGGa97db0TPfFFsTarqruZ6TKZ3J7wijRJzyTbTflg9WzMVFzi4jjbBXtkdlK',
    'ALQAv2lX6vbEA/g9WFJpblG78y1CxXK5LeGEk3ohltVtyUOcHuAiKW5jLv3bKdVkuS1hIeEF8orVbckDd86nQituYy59Vwi52LabNIHPqevmQdeF3v0LaP4w',
    'b4T2+N07jt/FH+Wf2JYvIhGN6BNyy73lbhVWsmHw+Eh6mG/llbzLKlOITb1b2OLt/t27kBXv0sfChM5zA99Ed1OD9ukDR4F9uLsHJ5p89zZSBnVX/PWzPumn',
    'dsrTW01FkUKcdzVYdmtZZPbjUi5KqLuS5+bns9SQOYS7kCjZu7tSMQ82vkguzJJN6NbD7buC0E3gCZVmGz2+/vxXQLNDfZPo3bWNdv0n9ij/Et/9EZnlAr/5',
    'g38XsrtHpgrqiardlRH6PK23r4hFQzHrVDpc4AO5rF0XMvHotBqZ8fwuq+Uebvm8aZJxV+HcfFF0gti53AWL0C0vtTbbyO9OTmQXo+Pz/1PuFkDmf2JVbH/7',
    '+JZ9CKn/iUVm3neXpg8Asz/xiEx8x0HGETXFGkCld3+xQpyv1cICDwh90k/9rM/6Wey9WhYzHZ6RisHZ3btalcdKsMFvcBfCrl3nvxIKv959m2bSrtv1voHv',
    'pgbvTNJ0O34j7h6a4LZSiI7c813HFXHF3918tecuZFJ86Pycsrz7rua9+XSd2Vu24/HVhQ2EfmonfdYn/dRP7HrL2x+7z375X5EVyZE2vutjMgtsYbZs4l3C',
    'jj4880d52wFfBEvRitfNH3b4riXkmBVQgw+lejcvegSwbdODXt1tGYYXgondBCbuHpHl2LPTj1/Au02h+9iFdQn53N2jcHiO7/Iu33ET4PlaLWg1iHTturHY',
    '5b4J0axs70bgkz/Udqnbkfj2OYlP7HCFI+N3nTkm8YsfqmBkfNf/VxMxxZuYpHdHDnITlknwwFN8T8ZgkyaX7fr5XdbE5HrS5JK99V0b8EIAsZvEN7iLt+DW',
    'LUCIU/Za4GsQ2qmf2nlvuy4kHr2rlJtQ3t0skoxurFJ3WXzXYt3YPaQ23e/dBU3Qvq8Fgthh3V2MwVdkizb6wPHdv5DGL/NXTI/fPaN6Xexw/gvp+CIDlYA+',
    'IbPYV++WYSQbB40PSA8ZvomtrGLhUcw6lQ4X+EBqp36Oy66DyVQnpLgTtH83C/Rw4m6iRWvctVzTj6f3d28CdyHEd0ARM88NcKQr51wH5QUANRwygg6YMvkD',
    'ABL4PXB1/l/leyJghn+3zRisbbP1+m3FDcC5W93xfVuxCTB1K8O1biv0XPLdHifquNs6l8Hqlolszd1yO1DfFu3Zz90ySwJft4k4Lu9WLyO+rbwBn7vVHdi2',
    'FVJBZ7c0FettRd893+1xAtS2FWgs71Z248y7dbv4/257FcTULZJU9HerCWPy3fa249vKG4CpW5mpe1uhEfdt19vzbcXeBdftYVAVu01rMtrdWqn2vFuvoHG9',
    'O/0Q',
  ]),
  sample(pattern, [
    'KLUv/QBYDDkAumFoChSgJYUcC4ydACCGlRURkTLL8V9uVqcAlgCkAJIkSZIkSZIkSZIkSZIkSZIkSZIkSZIGSpIkSZIkSZIkSZIkSZIkSZIkSZIkSZIkSZIk',
    'SZIkSZIkSZIkSZIkSZIkSZIkg/z//4iICNu227YlSXLbNkmSlCRJEkIIIYSgJ9xweiL8////ERERERG2bdu227Zt25YkSZIkuW3btm2TJEmSJCVJkiRJQggh',
    'hBBCCCEMGrigJ4IHCgwKCAYQABgUEAQQQEAgbdumbdu2bWjbtm3bQUmSJEmeJEmSZJAkSZI0SZIkyZIkSZIkSZIkyZEkSZIUSZIkyZAkSZIMJEmSJDngtm3b',
    'tm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm3btm1h27Zt27bpieANJkmSJEmSJEmSJEmSJEmSJEmSJEmSJEkK//9/',
    '//////X///8//////8P/////Dx4REREREY+IiIiIiIiIiIiICEdERERERCMiIiIighERERERsYiIiIiIUEREREREJCIiIiIiQkRERERExCBs27Zt37Zt23bY',
    'tm3btm3btu3atm3bpm3btu3Ztm3blm3btu3Ytm3bDrZt27Y9cNu2bdu3bdu2jbZt27Zu27Zt27Zt27Zs27Ztu7Zt27Zq2wZJkiRJkiRJkiRJkiRJkiRJkiRJ',
    'kiRJkiRJkiRJkiRJkiRJkiRJkiRJkiRJkkGa8P////+PiIiIiIgI27Zt23bbtm3bliRJkiS5bdu2bZMkSZIkJUmSJElCCCGEEEIIIeiJ4NAwhPD/f0REhG3b',
    'bduSJLlt2yRJkpIkSUIIIYQQ9IQbhmkQ/v////////9//P////f//////v///+f/B4gHqBRov/sFgx8BIFEAFEAQDAIKEQ4DAVyo45vC/4FwIAwIfO+Ia1cw',
    'IbU9DoCQiPrbNisnp/fAiS1nLVWs++G2QwOylWrhaVxj7siDPV2DNICIfTmEEI+QEJXWGh+xpIHUuHIY4EWVR5/S14GkeS+Immmv6jWAbCv5plR59jbm6zh4',
    'CjNCvkZbRr4C53trwRq3SL7LK1e4OOIrQMiY14F8aaUMD5HgywJnW3WPgbaO+adjBEFIFwJ7GvU1hcWHINP4+wmY95e+xeySTDZU/b5EIjC0un+l6fmKbUlJ',
    'pw+JBIps3txG3hfwBQIzGmbz4fr/J5PBY3eGfOmRG5Egkw1Vvy+RCAz1GXypjtyAABhMiPJ5CARAoI/vNDCyMwJgMEKUz0MgIOUraJj+lpR0+kgkUOTHXSO4',
    'fcd3QkEsLky75l2qWqqEweNNSfH4Ahx+5lijRaIohP+6sVUrAjX+HvC3C+pN/yIT4adoSVsxJ+FNUlKnBfFWtM4kpGt3Tiav32CdKee2QM4DPfEqna7izX5O',
    'P9lThDqHmxV0nXmw6J6YSI/OnBnoaVednz60wTpXrFvkOun49+Z1Mub/DToNL9L/cpqjN8g6ncpct+YMOE2IdeJ1BEBiIkcqzsnpGKPO2d7KeJ1cBDNinX9Y',
    'XWqdHQ71Gp3XfvJcOqfgAGqds6qSenVKxR/4OX01CwBiIjBCc5b6lVhzFrGsEuvEatQC52Sh/0rWyZe6D+g06qT80mmRuYjrnKX2WqnTMurJ17mjjQAQE6lR',
    'MWdQLW6oc1bxMXFOMfILWaejmt97zgTXukAnnVd8UE428kWyTv2w00Cdwg6Gbp0GnQqAmMgerTkJ6VIwnbMsbCt0esZ5pjp3TOMxddIqHa1y/p5tLXUqq3qY',
    'cpbF39ywdohV0C+6g+vO3IHMHuxDHJa8ARegX30NZMcCRNEB2bEAUXRA1hxXl1VHyTXhqbpge1Zgqi7YnpW81M3RyhIcxQ7IjgWIogOyYwGiqC6ninIhrofv',
    'W4Oru8P3rcHV3fBbw9Sl8GqcUR9kKvNv/AOExTn38bIdOlO2szM6uY7WdDoNabpgOmdV0BY6eeR5TnTuiuI1ddIxDVLm/D17rXQquTqAyVBiOs48fblD5wjO',
    'x09OrtMMk86p3yycTn0CkYHOfmiMC50dBzRbnXe+Ipw6i2IRK52Tq9wxQ+oG9PP3NaEfdozPkSEyRIYYvg7VJY2kkWgkjaSRNDS3SKl9gtAQGkJDaAgNUQJH',
    '6pAMGCJDZIgMkSEyxADp6twxQ2SIDJEhMkSGGJBu0h0zRAaRITJEhsgQRxpPumOGyBAZIkNkGEda+F44x+b8nt/zc0PVd+c+x/bG2Bi/ZM+zYiIaijDlL4NN',
    '/FnwRYNcov/tXniMwfkKwV8YTFGOqVFS1aRpKSc5xQ/G9DihYtCwVCcpcgJG1Dit6hQzKc57S1G7kSbXorgZH1f4pDCSYkC7SMHg2CrFzoDpJE9YIhQddY8I',
    'HI4gKVohvK4UkYLDMV5SLxDf2EHcDmqffaWINBRiZcb//5RDAApZkAcMsBWmMbSJ3JIINIyejACjAHUA27Zt27Zt27Zt27Zt27Zt27Zt27ZtkwURERERERER',
    'ERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERERkTEFEQJEmSJEmSJEmSJEmSJEmSJEmSJEmSJEmSJEmSJEmSJEmSJEmS',
    'JEmSJEmSJEmSFBwh/P//////AwIzMzMzMzNCCCGEEEIIIYQQ27Zt27ZtIiIiIiIiIiJJkiRJkv7/IYQQQgghhBAUHGHCzMzMzMzMzMzMzMzMzMzMzMzMKDjC',
    'hCAIgiAIxhhjjDFmZmZmhBBCCCG2bdtEREREJEmS/gqOMCEsBCGEEEIIIYQQQgghhBBCCAWHGCFu27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt27Zt',
    '27Yt/////////////////////////////wdBEATBGGOMMTMzI4QQQmzbNhERERFJkqT/EEIIIQQFx4gLIQiCIAiCYIwxxhgzMzNCCCHEtm0iIiKSJP1DCCGE',
    'EBQcIyoEQRAEQRAEQRAEQRCMMcYYY4wxxhhjzMwE//////////////////////////////////////////////////////////8fi6So1PAfUx8BIAAIwBQg',
    'AGUgCAQanDQCMlCu4/8fCOED2TxU3J5EXFV97rs1tpse45Pq9kSUfdSqnlsjGe619rIdR2ERvkzg1rlnIXq8tk3odYw9o9wuSoLh0dO2BJEvEgeK27NZdOQg',
    '+24Jaj3UrKW4fWvNVhG359ZIL3jFz4rbMpR1BeW3xfJLt/QQ6daEwrRU6YFb9zrq+Zpti1HZ2XNGcXtGXZx/SdsWZA7uDii3iybBcPS0LUHki4kDxe1ZFh05',
    'yL7bBLUeNOO1vd6vz6bUwK29ho1KNwm3YvRwTXyFbvn9Lc1cQLo1oXBaqvTArb2Oer7NtsWodPacUdyesS7OX9K2BZlDdweU20VJMBw1sbWzAledDeHW/L++',
    '9ZxDt3TdC7VtEG7tuEb4MR64ta9ho+Im4VaMHl4TX6Fbvr+lmQuSbk0oTEuVHri116Oer9m2GJXOPh0NurZ6x2TDcIqXnTVs5Dvng6deYMhiqObrtgE/Td3i',
    'VXiOb3I2qM+prV6Fjy8RYhd1nLpUK+FrULt3ntulGnBX62GET5TFvnn3K/B9o9xWP3Y3hCzG9W9eGI8gOracS4paoHX7XLY3fhdYdWGI+RLobwKrDgTWyK4E',
    'polQN2uq6i6EwX3gVAVNW+8m08qehF4y4sX5zs0OcdSTrxds5DuvD2upyJSVeM3XbAd92NzqFXyeb8PYUM+NSzWKP18K0C76uHHVP8XXAen6Pralci8YcUwG',
    'Lhe/ANZi4bfxC5mqizG/hOvHMVUXxlKYSX8WU3UqpkapSchi9qifni1wHwMjdDhLIaTZWE2hD3XcNotGITEGF7t/CG+5wJTZW1vz9JfKDR2S7qnGhnbO0oCV',
    'xet0saiNuxQiXPagN/45eIYsZ1lgmIn0HPuAD7MmaRUS4/Bq5x/gLRsMWXxr65x3Gp+kLuZW5RRahMkXQl72qaY2fUMuDh7RWm5C8QcV8j0dGSZ/ch8qgxff',
    'HtOhOCwM6Y7KWVYWroltdepT0MPUJVqFzNJ4MPMBra0GoQ6uMQ3zTiN39JB5GhYK2rEPR4bbF3jzH4dH6sPsC0LfafxhpXyXAqTJW+7HyPJE88d0UEULSepT',
    'OcTEJU6lxHm02P0hrF0lUUZX2p7BqiOUSYkD9FPpi/WYuuRRyIzGWzs/oLVuEnR0G1sz2kl1Z5dE76lgUznnFDCs7UEu/uFgjC7PUsgwE7sp9oE/Nyb1CGXO',
    '47ntD2ltNZgye9fWnP5SuaFD0nuq2NDOWRqQZl+QC38TIa9mC081fSwvY7l3j7CWDaKEqE1foRMlDPCWkhj8h0rdPAWGy568j5HliefndqCVFpJ0p2LI1l01',
    'Qo3zaDXzA21LDYaOrrEdo79Ub6ySeBoOMqhjHkKGy57g4j2mAsewsiwip/+UTnUnna5Id7emQCkBttfxBpe2oglvEAZY6ZcqhYOF3pCZDXeGt8HMkK6O1BCt',
    'KicfDNjbMPhHnOrWGGyRIrf0J+FUB8JpvFdkwjCtbH0eovMd511E04U4bLybkZ5428V2KL27T7G3MEyaH98tQReG2hcvLN7t1KX+Ur5aAdyVyeDp7uiiHtyN',
    'pzP1WRLN0ZWYu2NaXFbkRmvk1+8zNX6ZSXVh6Cn0TwfI8X2mZ6Q6kEmxkEFWakb9HdHwJpdWhVnQGfF3hI4zmbHc7GxPiL8jdbzBhqDJpVVhLXRG/B2h40xm',
    'LDf7O0etR1ZWFCzKSLu0dIrOjV8iKRrZY0KarS2ibOaom7YbCk4E2ctW64C+IyxtUaCBbnerbQ4vrVo7tz2fgTRpdFtH+okTD7V9/CNMWPS2Omyp5EKhGgHG',
    '+iuII99LgQfH6NT0KVk9q9Quapv0gBL5BNLmlXZE6Ee7p/C9DUN1EUQbtu4QrQhYwhbxlWUiZbUN3x01Lwm2JdwW2Qa1JSJxXS8Otvr+Zs7y2TYyVpPuXW2/',
    'voep7KGtFF5FvS/URBsrt0cvVti4IQQINGgtVB38MDpLGOiI+NjhKNTS3x5OnTycka0b9DBNbrTFBO+dmmxt36rt8XazLdTPdjgkbJvaU/vipu3GDqaT6bEV',
    'eVAqJLot/vingaxn+6CqrUsLqUJjzhw7qeMNZgyY7BAw6XpAyBNnsmPQYIagyQxBhl2PxJzxBjsGTHYINtgxYNx6JOQJbzJjwMwMQYMZAdOuRpJaHq6exJs5',
    '+p/QqStCJ2CrL2ZKrC9tx18CVjSwbQb8udjutrXxh2n2Eyn0V8sB5QUANRwygg6YMvkDABL4PXB1/l/leyJghn+3zRisbbP1+m3FDcC5W93xfVuxCTB1K8O1',
    'biv0XPLdHifquNs6l8Hqlolszd1yO1DfFu3Zz90ySwJft4k4Lu9WLyO+rbwBn7vVHdi2FVJBZ7c0FettRd893+1xAtS2FWgs71Z248y7dbv4/257FcTULZJU',
    '9HerCWPy3fa249vKG4CpW5mpe1uhEfdt19vzbcXeBdftYVAVu01rMtrdWqn2vFuvoHE=',
  ]),
]
